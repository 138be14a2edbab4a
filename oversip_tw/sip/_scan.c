/* What every message goes through, octet by octet. Optional: scan.py does the same without.

   The signatures and what they promise stand in _scan.pyi. Each function but `wire` reads the usual form alone and gives
   None for anything else, which then goes the long way, by the regular expressions of grammar.py. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

/* characters of all names together; a head with more goes the long way */
#define NAMES 4096

/* classes of characters */
enum { TOKEN = 1, VALUE = 2, WORD = 4, LOWER = 8, BLANK = 16, QUOTABLE = 32 };

static unsigned char classes[256];
static PyObject *empty, *branch, *rport, *received;

static void add_class(const char *characters, unsigned char class)
{
    for (; *characters; characters++)
        classes[(unsigned char)*characters] |= class;
}

static void prepare_classes(void)
{
    for (int c = '0'; c <= 'z'; c++)
        if (c <= '9' || (c >= 'A' && c <= 'Z') || c >= 'a')
            classes[c] |= TOKEN | VALUE | WORD;
    for (int c = 'a'; c <= 'z'; c++)
        classes[c] |= LOWER;
    add_class("-.!%*_+`'~", TOKEN | VALUE | WORD);
    add_class(":", VALUE);
    add_class("()<>:\\\"/[]?{}", WORD);
    add_class(" \t", BLANK);
    for (int c = ' '; c < 0x7f; c++)
        classes[c] |= QUOTABLE;
    classes['\t'] |= QUOTABLE;
    classes['"'] &= ~QUOTABLE;
    classes['\\'] &= ~QUOTABLE;
}

static int is(char character, unsigned char class)
{
    return classes[(unsigned char)character] & class;
}

static const char *after(const char *at, const char *end, unsigned char class)
{
    while (at < end && is(*at, class))
        at++;
    return at;
}

/* ASCII alone may go in here. */
static PyObject *text_of(const char *start, const char *end)
{
    PyObject *text;

    if (start == end)
        return Py_NewRef(empty);
    text = PyUnicode_New(end - start, 127);
    if (text != NULL)
        memcpy(PyUnicode_1BYTE_DATA(text), start, end - start);
    return text;
}

/* 0 unless `object` is a str of ASCII alone */
static int ascii(PyObject *object, const char **start, const char **end)
{
    if (!PyUnicode_Check(object) || PyUnicode_READY(object) < 0 || !PyUnicode_IS_ASCII(object))
        return 0;
    *start = (const char *)PyUnicode_1BYTE_DATA(object);
    *end = *start + PyUnicode_GET_LENGTH(object);
    return 1;
}

static PyObject *none(PyObject *rest)
{
    Py_XDECREF(rest);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* Append the line and what its name is; 0 for one that is not plain, or an exception. */
static int add_line(PyObject *lines, const char *start, const char *end, char *names, size_t *length)
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
    line = PyUnicode_DecodeUTF8(start, end - start, "surrogateescape");
    if (line == NULL || PyList_Append(lines, line) < 0) {
        Py_XDECREF(line);
        return 0;
    }
    Py_DECREF(line);
    return 1;
}

static PyObject *plain_head(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    char names[NAMES];
    size_t length = 0;
    Py_ssize_t size;
    PyObject *lines, *key, *found;
    const char *at, *stop;

    if (count != 2 || !PyBytes_Check(arguments[0])) {
        PyErr_SetString(PyExc_TypeError, "plain_head(bytes, int)");
        return NULL;
    }
    size = PyLong_AsSsize_t(arguments[1]);
    if (size < 0 || size > PyBytes_GET_SIZE(arguments[0])) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "the head ends beyond the octets");
        return NULL;
    }
    at = PyBytes_AS_STRING(arguments[0]);
    stop = at + size;
    if (memchr(at, 0, size) != NULL)
        Py_RETURN_NONE;
    lines = PyList_New(0);
    if (lines == NULL)
        return NULL;
    for (int first = 1; ; first = 0) {
        const char *feed = memchr(at, '\n', stop - at);
        const char *end = feed == NULL ? stop : feed - 1;

        /* every CR has its LF and every LF its CR */
        if (feed != NULL && (feed == at || *end != '\r'))
            return none(lines);
        if (memchr(at, '\r', end - at) != NULL || !add_line(lines, at, end, names, first ? NULL : &length))
            return none(lines);
        if (feed == NULL)
            break;
        at = feed + 1;
    }
    for (size_t each = 0; each < length; each++)
        if ((unsigned char)names[each] > 127)
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

    if (count != 2 || !PyList_Check(arguments[0]) || !PyTuple_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "values(list, tuple)");
        return NULL;
    }
    lines = arguments[0], places = arguments[1];
    found = PyList_New(PyTuple_GET_SIZE(places));
    for (Py_ssize_t each = 0; found != NULL && each < PyTuple_GET_SIZE(places); each++) {
        PyObject *place = PyTuple_GET_ITEM(places, each), *line, *value;
        Py_ssize_t slot, start, end;

        if (!PyTuple_Check(place) || PyTuple_GET_SIZE(place) != 2) {
            PyErr_SetString(PyExc_TypeError, "a place is two numbers");
            return none(found);
        }
        slot = PyLong_AsSsize_t(PyTuple_GET_ITEM(place, 0));
        start = PyLong_AsSsize_t(PyTuple_GET_ITEM(place, 1));
        line = slot < 0 ? NULL : PyList_GetItem(lines, slot);
        if (line == NULL || start < 0 || !PyUnicode_Check(line) || PyUnicode_READY(line) < 0) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_TypeError, "no line there");
            return none(found);
        }
        end = PyUnicode_GET_LENGTH(line);
        while (start < end && PyUnicode_READ_CHAR(line, start) < 128 && is(PyUnicode_READ_CHAR(line, start), BLANK))
            start++;
        while (start < end && PyUnicode_READ_CHAR(line, end - 1) < 128 && is(PyUnicode_READ_CHAR(line, end - 1), BLANK))
            end--;
        if (PyUnicode_IS_ASCII(line)) {
            const char *text = (const char *)PyUnicode_1BYTE_DATA(line);

            value = start < end ? text_of(text + start, text + end) : Py_NewRef(empty);
        } else
            value = PyUnicode_Substring(line, start, end);
        if (value == NULL)
            return none(found);
        PyList_SET_ITEM(found, each, value);
    }
    return found;
}

/* The usual names are one object each, whose hash is known. */
static PyObject *name_of(const char *start, const char *end)
{
    if (end - start == 5 && memcmp(start, "rport", 5) == 0)
        return Py_NewRef(rport);
    if (end - start == 6 && memcmp(start, "branch", 6) == 0)
        return Py_NewRef(branch);
    return end - start == 8 && memcmp(start, "received", 8) == 0 ? Py_NewRef(received) : text_of(start, end);
}

static PyObject *plain_via(PyObject *module, PyObject *text)
{
    const char *at, *end, *start, *semicolon;
    PyObject *params, *sender, *found;
    Py_ssize_t number = 0;

    if (!ascii(text, &start, &end))
        return none(NULL);
    semicolon = memchr(start, ';', end - start);
    if (semicolon == NULL)
        Py_RETURN_NONE;
    params = PyDict_New();
    for (at = semicolon; params != NULL && at < end; number++) {
        const char *name = at + 1, *stop = after(name, end, LOWER), *value = stop;
        PyObject *key, *content;

        at = stop;
        if (at < end && *at == '=') {
            value = at + 1;
            at = after(value, end, VALUE);
            if (at == value)
                return none(params);
        }
        if (stop == name || (at < end && *at != ';'))
            return none(params);
        key = name_of(name, stop);
        content = text_of(value, value == stop ? stop : at);
        if (key == NULL || content == NULL || PyDict_SetItem(params, key, content) < 0)
            Py_CLEAR(params);
        Py_XDECREF(key);
        Py_XDECREF(content);
    }
    if (params == NULL || PyDict_GET_SIZE(params) != number)
        return none(params);
    sender = text_of(start, semicolon);
    found = sender == NULL ? NULL : PyTuple_Pack(2, sender, params);
    Py_XDECREF(sender);
    Py_DECREF(params);
    return found;
}

static PyObject *plain_address(PyObject *module, PyObject *text)
{
    const char *at, *end, *name, *stop, *uri, *closing, *value;
    PyObject *tag;

    if (!ascii(text, &at, &end))
        return none(NULL);
    name = stop = at;
    if (at < end && *at == '"') {
        name = at + 1;
        stop = after(name, end, QUOTABLE);
        if (stop == end || *stop != '"')
            Py_RETURN_NONE;
        at = after(stop + 1, end, BLANK);
    } else if (at < end && is(*at, TOKEN)) {
        at = after(at, end, TOKEN | BLANK);
        for (stop = at; is(stop[-1], BLANK); stop--)
            ;
    }
    if (at == end || *at != '<')
        Py_RETURN_NONE;
    uri = at + 1;
    closing = memchr(uri, '>', end - uri);
    if (closing == NULL || memchr(uri, '<', closing - uri) != NULL)
        Py_RETURN_NONE;
    at = closing + 1;
    if (at == end)
        tag = Py_NewRef(Py_None);
    else {
        value = at + 5;
        if (end - at <= 5 || memcmp(at, ";tag=", 5) != 0 || after(value, end, TOKEN) != end)
            Py_RETURN_NONE;
        tag = text_of(value, end);
    }
    return Py_BuildValue("NNN", text_of(name, stop), text_of(uri, closing), tag);
}

static PyObject *is_call_id(PyObject *module, PyObject *text)
{
    const char *at, *end, *stop;

    if (!ascii(text, &at, &end))
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    stop = after(at, end, WORD);
    if (stop != at && stop < end && *stop == '@') {
        at = stop + 1;
        stop = after(at, end, WORD);
    }
    return PyBool_FromLong(stop != at && stop == end);
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

    if (count != 2 || !PyList_Check(arguments[0]) || !PyBytes_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "wire(list, bytes)");
        return NULL;
    }
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
    {"plain_head", (PyCFunction)(void (*)(void))plain_head, METH_FASTCALL, NULL},
    {"values", (PyCFunction)(void (*)(void))values, METH_FASTCALL, NULL},
    {"plain_via", plain_via, METH_O, NULL},
    {"plain_address", plain_address, METH_O, NULL},
    {"is_call_id", is_call_id, METH_O, NULL},
    {"wire", (PyCFunction)(void (*)(void))wire, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_scan", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__scan(void)
{
    prepare_classes();
    empty = PyUnicode_FromString("");
    branch = PyUnicode_InternFromString("branch");
    rport = PyUnicode_InternFromString("rport");
    received = PyUnicode_InternFromString("received");
    if (empty == NULL || branch == NULL || rport == NULL || received == NULL)
        return NULL;
    return PyModule_Create(&definition);
}
