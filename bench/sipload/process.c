/* CPU and memory of every process of the server's session. */
#include "sipload.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int *found;
static int count;

static bool known(int pid)
{
    for (int i = 0; i < count; i++)
        if (found[i] == pid) return true;
    return false;
}

/* Look for processes that are new; to look through all of /proc takes milliseconds. */
void process_find(void)
{
    DIR *all = opendir("/proc");
    if (!all) die("cannot read /proc");
    for (struct dirent *each; (each = readdir(all));) {
        int pid = atoi(each->d_name);
        if (pid <= 0 || getsid(pid) != getsid(opt.pid) || known(pid)) continue;
        found = realloc(found, sizeof *found * (size_t)(count + 1));
        if (!found) die("no memory");
        found[count++] = pid;
    }
    closedir(all);
}

static uint64_t tasks(int pid)
{
    char path[320];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *all = opendir(path);
    if (!all) return 0; /* it has ended */
    for (struct dirent *each; (each = readdir(all));) {
        unsigned long long used;
        if (atoi(each->d_name) <= 0) continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, each->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        if (fscanf(file, "%llu", &used) == 1) sum += used;
        fclose(file);
    }
    closedir(all);
    return sum;
}

uint64_t process_cpu(bool look_again)
{
    uint64_t sum = 0;
    int before = count;
    for (int i = 0; i < before; i++) sum += tasks(found[i]);
    if (look_again) {
        process_find();
        for (int i = before; i < count; i++) sum += tasks(found[i]);
    }
    return sum;
}

uint64_t process_memory(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) {
        char path[64], line[256];
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", found[i]);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        unsigned long long kb;
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "Pss: %llu", &kb) == 1) sum += kb;
        fclose(file);
    }
    return sum;
}
