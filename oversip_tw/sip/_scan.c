/* What every message goes through, octet by octet. Optional: scan.py does the same without.

   The signatures and what they promise stand in _scan.pyi. Each function but `wire` reads the usual form alone and gives
   None for anything else, which then goes the long way, by the regular expressions of grammar.py. */

#include "_scan.h"

/* characters of all names together; a head with more goes the long way */
#define NAMES 4096

PyObject *oversip_empty;

static int only_ascii(const char *at, const char *end)
{
    uint64_t eight, high = 0;

    for (; end - at >= 8; at += 8) {
        memcpy(&eight, at, 8);
        high |= eight;
    }
    for (; at < end; at++)
        high |= (unsigned char)*at;
    return !(high & 0x8080808080808080);
}

/* Append the line and what its name is; 0 for one that is not plain, or an exception. */
static int add_line(PyObject *lines, const char *start, const char *end, int in_ascii, char *names, size_t *length)
{
    PyObject *line;

    if (length != NULL) {
        const char *colon = memchr(start, ':', end - start);
        size_t size;

        if (colon == NULL || is(*start, BLANK))
            return 0;
        size = colon + 1 - start;
        if (size > NAMES - *length)
            return 0;
        memcpy(names + *length, start, size);
        *length += size;
    }
    line = in_ascii ? text_of(start, end) : PyUnicode_DecodeUTF8(start, end - start, "surrogateescape");
    if (line == NULL || PyList_Append(lines, line) < 0) {
        Py_XDECREF(line);
        return 0;
    }
    Py_DECREF(line);
    return 1;
}

static PyObject *end_of_head(PyObject *module, PyObject *data)
{
    const char *start, *at, *stop;

    if (!fits(PyBytes_Check(data), "end_of_head(bytes)"))
        return NULL;
    start = PyBytes_AS_STRING(data);
    stop = start + PyBytes_GET_SIZE(data);
    for (at = start; (at = memchr(at, '\n', stop - at)) != NULL; at++)
        if (at > start && stop - at >= 3 && memcmp(at - 1, "\r\n\r\n", 4) == 0)
            return PyLong_FromSsize_t(at - 1 - start);
    return PyLong_FromLong(-1);
}

static PyObject *plain_head(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    char names[NAMES];
    size_t length = 0;
    Py_ssize_t size;
    PyObject *lines, *key, *found;
    const char *at, *stop;
    int in_ascii;

    if (!fits(count == 2 && PyBytes_Check(arguments[0]) && PyLong_Check(arguments[1]), "plain_head(bytes, int)"))
        return NULL;
    size = PyLong_AsSsize_t(arguments[1]);
    if (!fits(size >= 0 && size <= PyBytes_GET_SIZE(arguments[0]), "the head ends beyond the octets"))
        return NULL;
    at = PyBytes_AS_STRING(arguments[0]);
    stop = at + size;
    if (memchr(at, 0, size) != NULL)
        Py_RETURN_NONE;
    in_ascii = only_ascii(at, stop);
    lines = PyList_New(0);
    if (lines == NULL)
        return NULL;
    for (int first = 1; ; first = 0) {
        const char *feed = memchr(at, '\n', stop - at);
        const char *end = feed == NULL ? stop : feed - 1;

        /* every CR has its LF and every LF its CR */
        if (feed != NULL && (feed == at || *end != '\r'))
            return none(lines);
        if (memchr(at, '\r', end - at) != NULL
            || !add_line(lines, at, end, in_ascii, names, first ? NULL : &length))
            return none(lines);
        if (feed == NULL)
            break;
        at = feed + 1;
    }
    if (!in_ascii && !only_ascii(names, names + length))
        return none(lines);
    key = text_of(names, names + length);
    if (key == NULL)
        return none(lines);
    found = PyTuple_Pack(2, lines, key);
    Py_DECREF(lines);
    Py_DECREF(key);
    return found;
}

static PyObject *values(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *lines, *places, *found;

    if (!fits(count == 2 && PyList_Check(arguments[0]) && PyTuple_Check(arguments[1]), "values(list, tuple)"))
        return NULL;
    lines = arguments[0], places = arguments[1];
    found = PyList_New(PyTuple_GET_SIZE(places));
    for (Py_ssize_t each = 0; found != NULL && each < PyTuple_GET_SIZE(places); each++) {
        PyObject *place = PyTuple_GET_ITEM(places, each), *line, *value;
        Py_ssize_t slot, start, end;

        if (!fits(PyTuple_Check(place) && PyTuple_GET_SIZE(place) == 2, "a place is two numbers"))
            return none(found);
        slot = PyLong_AsSsize_t(PyTuple_GET_ITEM(place, 0));
        start = PyLong_AsSsize_t(PyTuple_GET_ITEM(place, 1));
        line = slot < 0 ? NULL : PyList_GetItem(lines, slot);
        if (line == NULL || start < 0 || !fits(PyUnicode_Check(line), "a line is a text") || PyUnicode_READY(line) < 0)
            return fits(PyErr_Occurred() != NULL, "no line there"), none(found);
        end = PyUnicode_GET_LENGTH(line);
        while (start < end && PyUnicode_READ_CHAR(line, start) < 128 && is(PyUnicode_READ_CHAR(line, start), BLANK))
            start++;
        while (start < end && PyUnicode_READ_CHAR(line, end - 1) < 128 && is(PyUnicode_READ_CHAR(line, end - 1), BLANK))
            end--;
        if (PyUnicode_IS_ASCII(line)) {
            const char *text = (const char *)PyUnicode_1BYTE_DATA(line);

            value = start < end ? text_of(text + start, text + end) : Py_NewRef(oversip_empty);
        } else
            value = PyUnicode_Substring(line, start, end);
        if (value == NULL)
            return none(found);
        PyList_SET_ITEM(found, each, value);
    }
    return found;
}

/* "name: value"; NULL without an exception for a value with CR or LF */
static PyObject *field(PyObject *name, PyObject *value)
{
    const char *first, *first_end, *second, *second_end;
    Py_ssize_t size;
    PyObject *line;

    if (!fits(PyUnicode_Check(name) && PyUnicode_Check(value), "a field is a name and a value"))
        return NULL;
    if (!ascii(name, &first, &first_end) || !ascii(value, &second, &second_end)) {
        size = PyUnicode_GET_LENGTH(value);
        if (PyErr_Occurred() || PyUnicode_FindChar(value, '\n', 0, size, 1) >= 0
            || PyUnicode_FindChar(value, '\r', 0, size, 1) >= 0)
            return NULL;
        return PyUnicode_FromFormat("%U: %U", name, value);
    }
    size = second_end - second;
    if (memchr(second, '\n', size) != NULL || memchr(second, '\r', size) != NULL)
        return NULL;
    line = PyUnicode_New(first_end - first + 2 + size, 127);
    if (line != NULL) {
        char *to = (char *)PyUnicode_1BYTE_DATA(line);

        memcpy(to, first, first_end - first);
        memcpy(to + (first_end - first), ": ", 2);
        memcpy(to + (first_end - first) + 2, second, size);
    }
    return line;
}

static PyObject *add_fields(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *fields, *names;

    if (!fits(count == 2 && PyList_Check(arguments[0]), "add_fields(list, sequence)"))
        return NULL;
    fields = PySequence_Fast(arguments[1], "add_fields(list, sequence)");
    names = fields == NULL ? NULL : PyTuple_New(PySequence_Fast_GET_SIZE(fields));
    for (Py_ssize_t each = 0; names != NULL && each < PyTuple_GET_SIZE(names); each++) {
        PyObject *pair = PySequence_Fast_GET_ITEM(fields, each), *line = NULL;

        if (fits(PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2, "a field is a name and a value"))
            line = field(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
        if (line == NULL || PyList_Append(arguments[0], line) < 0) {
            Py_XDECREF(line);
            Py_CLEAR(names);
            break;
        }
        Py_DECREF(line);
        PyTuple_SET_ITEM(names, each, Py_NewRef(PyTuple_GET_ITEM(pair, 0)));
    }
    Py_XDECREF(fields);
    return names == NULL ? none(NULL) : names;
}

/* The octets of one line; `owner` is to be released. */
static int octets_of(PyObject *line, PyObject **owner, const char **start, Py_ssize_t *size)
{
    const char *end;

    *owner = NULL;
    if (ascii(line, start, &end)) {
        *size = end - *start;
        return 1;
    }
    *owner = PyUnicode_AsEncodedString(line, "utf-8", "surrogateescape");
    if (*owner == NULL)
        return 0;
    *start = PyBytes_AS_STRING(*owner);
    *size = PyBytes_GET_SIZE(*owner);
    return 1;
}

/* All lines that are there to `to`, unless that is NULL; how many octets they take with their line ends. */
static Py_ssize_t write_lines(PyObject *lines, char *to)
{
    Py_ssize_t total = 0;

    for (Py_ssize_t each = 0; each < PyList_GET_SIZE(lines); each++) {
        PyObject *line = PyList_GET_ITEM(lines, each), *owner;
        const char *start;
        Py_ssize_t size;

        if (line == Py_None)
            continue;
        if (!octets_of(line, &owner, &start, &size))
            return -1;
        if (size) {
            if (to != NULL) {
                memcpy(to + total, start, size);
                memcpy(to + total + size, "\r\n", 2);
            }
            total += size + 2;
        }
        Py_XDECREF(owner);
    }
    return total;
}

static PyObject *wire(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *octets;
    Py_ssize_t head, body;

    if (!fits(count == 2 && PyList_Check(arguments[0]) && PyBytes_Check(arguments[1]), "wire(list, bytes)"))
        return NULL;
    head = write_lines(arguments[0], NULL);
    if (head < 0)
        return NULL;
    if (head == 0)
        head = 2;
    body = PyBytes_GET_SIZE(arguments[1]);
    octets = PyBytes_FromStringAndSize(NULL, head + 2 + body);
    if (octets == NULL)
        return NULL;
    memcpy(PyBytes_AS_STRING(octets), "\r\n", 2);
    if (write_lines(arguments[0], PyBytes_AS_STRING(octets)) < 0) {
        Py_DECREF(octets);
        return NULL;
    }
    memcpy(PyBytes_AS_STRING(octets) + head, "\r\n", 2);
    memcpy(PyBytes_AS_STRING(octets) + head + 2, PyBytes_AS_STRING(arguments[1]), body);
    return octets;
}

static PyMethodDef functions[] = {
    {"end_of_head", end_of_head, METH_O, NULL},
    {"plain_head", (PyCFunction)(void (*)(void))plain_head, METH_FASTCALL, NULL},
    {"values", (PyCFunction)(void (*)(void))values, METH_FASTCALL, NULL},
    {"plain_via", oversip_plain_via, METH_O, NULL},
    {"plain_address", oversip_plain_address, METH_O, NULL},
    {"plain_uri", oversip_plain_uri, METH_O, NULL},
    {"address_with_params", oversip_address_with_params, METH_O, NULL},
    {"uri_with_params", oversip_uri_with_params, METH_O, NULL},
    {"is_call_id", oversip_is_call_id, METH_O, NULL},
    {"plain_cseq", oversip_plain_cseq, METH_O, NULL},
    {"add_fields", (PyCFunction)(void (*)(void))add_fields, METH_FASTCALL, NULL},
    {"wire", (PyCFunction)(void (*)(void))wire, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_scan", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__scan(void)
{
    oversip_empty = PyUnicode_FromString("");
    if (oversip_empty == NULL || !oversip_prepare_plain())
        return NULL;
    return PyModule_Create(&definition);
}
