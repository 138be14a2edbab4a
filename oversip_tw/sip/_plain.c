/* The usual forms of values. None stands for all others, which go the long way, by the rules of grammar.py. */

#include "_scan.h"

unsigned short oversip_classes[256];
static PyObject *branch, *rport, *received;

static void add_class(const char *characters, unsigned short class)
{
    for (; *characters; characters++)
        oversip_classes[(unsigned char)*characters] |= class;
}

static void prepare_classes(void)
{
    for (int c = '0'; c <= 'z'; c++)
        if (c <= '9' || (c >= 'A' && c <= 'Z') || c >= 'a')
            oversip_classes[c] |= TOKEN | VALUE | WORD | LABEL | USER | PARAM;
    for (int c = 'a'; c <= 'z'; c++)
        oversip_classes[c] |= LOWER | NAME | KEY;
    add_class("-.!%*_+`'~", TOKEN | VALUE | WORD | NAME);
    add_class(":", VALUE);
    add_class("()<>:\\\"/[]?{}", WORD);
    add_class(" \t", BLANK);
    add_class("_", LABEL);
    add_class("-_.!~*'()&=+$,?/", USER);
    add_class("-_.!~*'()[]/:&+$", PARAM);
    add_class("0123456789", DIGIT | NAME | KEY);
    add_class("-", KEY);
    for (int c = ' '; c < 0x7f; c++)
        oversip_classes[c] |= QUOTABLE;
    oversip_classes['\t'] |= QUOTABLE;
    oversip_classes['"'] &= ~QUOTABLE;
    oversip_classes['\\'] &= ~QUOTABLE;
}

int oversip_prepare_plain(void)
{
    prepare_classes();
    branch = PyUnicode_InternFromString("branch");
    rport = PyUnicode_InternFromString("rport");
    received = PyUnicode_InternFromString("received");
    return branch != NULL && rport != NULL && received != NULL;
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

PyObject *oversip_plain_via(PyObject *module, PyObject *text)
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

/* 0 unless `at` begins a display name, between `name` and `stop` then, and a "<", where `at` is moved to. */
int before_uri(const char **at, const char *end, const char **name, const char **stop)
{
    const char *here = *at;

    *name = *stop = here;
    if (here < end && *here == '"') {
        *name = here + 1;
        *stop = after(*name, end, QUOTABLE);
        if (*stop == end || **stop != '"')
            return 0;
        here = after(*stop + 1, end, BLANK);
    } else if (here < end && is(*here, TOKEN)) {
        here = after(here, end, TOKEN | BLANK);
        for (*stop = here; is((*stop)[-1], BLANK); (*stop)--)
            ;
    }
    *at = here;
    return here < end && *here == '<';
}

PyObject *oversip_plain_address(PyObject *module, PyObject *text)
{
    const char *at, *end, *name, *stop, *uri, *closing, *value;
    PyObject *tag;

    if (!ascii(text, &at, &end) || !before_uri(&at, end, &name, &stop))
        return none(NULL);
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

/* 0 unless it is a name of labels, each of letters, digits and "_", with "-" inside; a dot may end it. */
int is_host_name(const char *at, const char *end)
{
    char before = '.';

    if (at == end)
        return 0;
    for (; at < end; at++) {
        if (!is(*at, LABEL) && (*at == '.' || *at == '-' ? before == '.' || (*at == '.' && before == '-') : 1))
            return 0;
        before = *at;
    }
    return before != '-';
}

PyObject *oversip_plain_uri(PyObject *module, PyObject *text)
{
    const char *at, *end, *host, *sign, *stop;

    if (!ascii(text, &at, &end))
        return none(NULL);
    if (end - at < 5 || memcmp(at, "sip:", 4) != 0)
        Py_RETURN_NONE;
    at += 4;
    sign = memchr(at, '@', end - at);
    if (sign != NULL && (sign == at || after(at, sign, USER) != sign))
        Py_RETURN_NONE;
    host = sign == NULL ? at : sign + 1;
    stop = memchr(host, ':', end - host);
    if (!is_host_name(host, stop == NULL ? end : stop))
        Py_RETURN_NONE;
    if (stop != NULL && (end - stop < 2 || end - stop > 6 || after(stop + 1, end, DIGIT) != end))
        Py_RETURN_NONE;
    return Py_BuildValue("NNN", sign == NULL ? Py_NewRef(Py_None) : text_of(at, sign),
                         text_of(host, stop == NULL ? end : stop),
                         stop == NULL ? Py_NewRef(Py_None) : text_of(stop + 1, end));
}

PyObject *oversip_is_call_id(PyObject *module, PyObject *text)
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

PyObject *oversip_plain_cseq(PyObject *module, PyObject *text)
{
    const char *at, *end, *stop;
    long number = 0;

    if (!ascii(text, &at, &end))
        return none(NULL);
    stop = after(at, end, DIGIT);
    if (stop == at || stop - at > 9 || end - stop < 2 || *stop != ' ' || after(stop + 1, end, TOKEN) != end)
        Py_RETURN_NONE;
    for (; at < stop; at++)
        number = number * 10 + (*at - '0');
    return Py_BuildValue("lN", number, text_of(stop + 1, end));
}
