/* Whole frames in one go: what frames.py does, octet by octet. Optional; signatures and promises stand in _frames.pyi. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

enum { WHOLE_TEXT = 0x81, WHOLE_BINARY = 0x82 };

static int only_ascii(const char *at, Py_ssize_t size)
{
    uint64_t eight, high = 0;

    for (; size >= 8; at += 8, size -= 8) {
        memcpy(&eight, at, 8);
        high |= eight;
    }
    for (; size; at++, size--)
        high |= (unsigned char)*at;
    return !(high & 0x8080808080808080);
}

/* 1, 0, or -1 with an exception */
static int is_utf8(const char *at, Py_ssize_t size)
{
    PyObject *text;

    if (only_ascii(at, size))
        return 1;
    text = PyUnicode_DecodeUTF8(at, size, "strict");
    if (text == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
            return -1;
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(text);
    return 1;
}

/* How long the payload is, and after how many octets its mask begins; -1 for a frame that is not common. */
static Py_ssize_t size_of(const unsigned char *at, Py_ssize_t there, Py_ssize_t most, Py_ssize_t *mask)
{
    uint64_t size;

    if (there < 6 || (at[0] != WHOLE_TEXT && at[0] != WHOLE_BINARY) || !(at[1] & 0x80))
        return -1;
    size = at[1] & 0x7f;
    *mask = 2;
    if (size == 126) {
        size = (uint64_t)at[2] << 8 | at[3];
        *mask = 4;
        if (size < 126)
            return -1;
    } else if (size == 127) {
        if (there < 10)
            return -1;
        size = 0;
        for (int octet = 2; octet < 10; octet++)
            size = size << 8 | at[octet];
        *mask = 10;
        if (size < 65536)
            return -1;
    }
    return most < 0 || size > (uint64_t)most || *mask + 4 > there || size > (uint64_t)(there - *mask - 4)
        ? -1 : (Py_ssize_t)size;
}

static void unmask(char *to, const unsigned char *from, Py_ssize_t size, const unsigned char *mask)
{
    uint64_t eight, word;

    memcpy(&word, mask, 4);
    memcpy((char *)&word + 4, mask, 4);
    for (; size >= 8; to += 8, from += 8, size -= 8) {
        memcpy(&eight, from, 8);
        eight ^= word;
        memcpy(to, &eight, 8);
    }
    for (Py_ssize_t each = 0; each < size; each++)
        to[each] = (char)(from[each] ^ mask[each & 3]);
}

static PyObject *whole_message(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t start, most, size, mask;
    const unsigned char *at;
    PyObject *message;
    int right = 1;

    if (count != 3 || !PyBytes_Check(arguments[0]) || !PyLong_Check(arguments[1]) || !PyLong_Check(arguments[2])) {
        PyErr_SetString(PyExc_TypeError, "whole_message(bytes, int, int)");
        return NULL;
    }
    start = PyLong_AsSsize_t(arguments[1]);
    most = PyLong_AsSsize_t(arguments[2]);
    if (PyErr_Occurred())
        return NULL;
    if (start < 0 || start > PyBytes_GET_SIZE(arguments[0]))
        Py_RETURN_NONE;
    at = (const unsigned char *)PyBytes_AS_STRING(arguments[0]) + start;
    size = size_of(at, PyBytes_GET_SIZE(arguments[0]) - start, most, &mask);
    if (size < 0)
        Py_RETURN_NONE;
    message = PyBytes_FromStringAndSize(NULL, size);
    if (message == NULL)
        return NULL;
    unmask(PyBytes_AS_STRING(message), at + mask + 4, size, at + mask);
    if (at[0] == WHOLE_TEXT)
        right = is_utf8(PyBytes_AS_STRING(message), size);
    if (right != 1) {
        Py_DECREF(message);
        return right < 0 ? NULL : Py_NewRef(Py_None);
    }
    return Py_BuildValue("Nn", message, start + mask + 4 + size);
}

static PyObject *message_frame(PyObject *module, PyObject *payload)
{
    unsigned char head[10];
    Py_ssize_t size, length = 2;
    PyObject *frame;
    int text;

    if (!PyBytes_Check(payload)) {
        PyErr_SetString(PyExc_TypeError, "message_frame(bytes)");
        return NULL;
    }
    size = PyBytes_GET_SIZE(payload);
    text = is_utf8(PyBytes_AS_STRING(payload), size);
    if (text < 0)
        return NULL;
    head[0] = text ? WHOLE_TEXT : WHOLE_BINARY;
    head[1] = size < 126 ? (unsigned char)size : size < 65536 ? 126 : 127;
    if (size >= 126) {
        length = size < 65536 ? 4 : 10;
        for (Py_ssize_t place = 2; place < length; place++)
            head[place] = (unsigned char)((uint64_t)size >> 8 * (length - 1 - place));
    }
    frame = PyBytes_FromStringAndSize(NULL, length + size);
    if (frame != NULL) {
        memcpy(PyBytes_AS_STRING(frame), head, length);
        memcpy(PyBytes_AS_STRING(frame) + length, PyBytes_AS_STRING(payload), size);
    }
    return frame;
}

static PyMethodDef functions[] = {
    {"whole_message", (PyCFunction)(void (*)(void))whole_message, METH_FASTCALL, NULL},
    {"message_frame", message_frame, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_frames", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__frames(void) { return PyModule_Create(&definition); }
