/* What _scan.c and _plain.c share. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

/* classes of characters; NAME is TOKEN without capitals, KEY what names of URI parameters are made of */
enum {
    TOKEN = 1, VALUE = 2, WORD = 4, LOWER = 8, BLANK = 16, QUOTABLE = 32, LABEL = 64, USER = 128, DIGIT = 256,
    NAME = 512, PARAM = 1024, KEY = 2048
};

/* parameters of one value; what has more goes the long way */
#define PARAMS 16

extern unsigned short oversip_classes[256];
extern PyObject *oversip_empty;

static inline int is(char character, unsigned short class)
{
    return oversip_classes[(unsigned char)character] & class;
}

static inline const char *after(const char *at, const char *end, unsigned short class)
{
    while (at < end && is(*at, class))
        at++;
    return at;
}

/* ASCII alone may go in here. */
static inline PyObject *text_of(const char *start, const char *end)
{
    PyObject *text;

    if (start == end)
        return Py_NewRef(oversip_empty);
    text = PyUnicode_New(end - start, 127);
    if (text != NULL)
        memcpy(PyUnicode_1BYTE_DATA(text), start, end - start);
    return text;
}

/* 0 unless `object` is a str of ASCII alone */
static inline int ascii(PyObject *object, const char **start, const char **end)
{
    if (!PyUnicode_Check(object) || PyUnicode_READY(object) < 0 || !PyUnicode_IS_ASCII(object))
        return 0;
    *start = (const char *)PyUnicode_1BYTE_DATA(object);
    *end = *start + PyUnicode_GET_LENGTH(object);
    return 1;
}

static inline PyObject *none(PyObject *rest)
{
    Py_XDECREF(rest);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static inline int fits(int right, const char *signature)
{
    if (!right)
        PyErr_SetString(PyExc_TypeError, signature);
    return right;
}

/* what _plain.c has for the module */
int oversip_prepare_plain(void);
PyObject *oversip_plain_via(PyObject *module, PyObject *text);
PyObject *oversip_plain_address(PyObject *module, PyObject *text);
PyObject *oversip_plain_uri(PyObject *module, PyObject *text);
int before_uri(const char **at, const char *end, const char **name, const char **stop);
int is_host_name(const char *at, const char *end);
PyObject *oversip_is_call_id(PyObject *module, PyObject *text);
PyObject *oversip_plain_cseq(PyObject *module, PyObject *text);

/* what _params.c has for it */
PyObject *oversip_address_with_params(PyObject *module, PyObject *text);
PyObject *oversip_uri_with_params(PyObject *module, PyObject *text);
