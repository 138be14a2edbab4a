/* Addresses and URIs with parameters in their usual form, as browsers register them. */

#include "_scan.h"

/* one "name" or "name=value" as (name, value or None); NULL without an exception if it is none */
static PyObject *pair(const char *name, const char *stop, const char *value, const char *end)
{
    PyObject *key = text_of(name, stop), *content = value == NULL ? Py_NewRef(Py_None) : text_of(value, end), *found;

    found = key == NULL || content == NULL ? NULL : PyTuple_Pack(2, key, content);
    Py_XDECREF(key);
    Py_XDECREF(content);
    return found;
}

/* Where a value ends that begins at `at`; `at` itself if it is none. */
static const char *end_of_value(const char *at, const char *end, unsigned short class, int quotes)
{
    const char *stop;

    if (!quotes || at == end || *at != '"')
        return after(at, end, class);
    stop = after(at + 1, end, QUOTABLE);
    return stop < end && *stop == '"' ? stop + 1 : at;
}

/* ";name=value;name" up to `end` as a tuple of pairs; names have no capitals, values are of `class` or quoted. */
static PyObject *params_of(const char *at, const char *end, unsigned short name_class, unsigned short class, int quotes)
{
    PyObject *pairs[PARAMS], *found = NULL;
    Py_ssize_t count = 0;

    while (at < end && count < PARAMS) {
        const char *name = at + 1, *stop = after(name, end, name_class), *value = NULL;

        if (*at != ';' || stop == name)
            break;
        at = stop;
        if (at < end && *at == '=') {
            value = at + 1;
            at = end_of_value(value, end, class, quotes);
            if (at == value) {
                at = name;  /* no value: not at the end */
                break;
            }
        }
        if (at < end && *at != ';')
            break;
        pairs[count] = pair(name, stop, value, at);
        if (pairs[count] == NULL)
            break;
        count++;
    }
    if (at == end && !PyErr_Occurred())
        found = PyTuple_New(count);
    for (Py_ssize_t each = 0; each < count; each++)
        if (found != NULL)
            PyTuple_SET_ITEM(found, each, pairs[each]);
        else
            Py_DECREF(pairs[each]);
    return found;
}

PyObject *oversip_address_with_params(PyObject *module, PyObject *text)
{
    const char *at, *end, *name, *stop, *uri, *closing;
    PyObject *params;

    if (!ascii(text, &at, &end) || !before_uri(&at, end, &name, &stop))
        return none(NULL);
    uri = at + 1;
    closing = memchr(uri, '>', end - uri);
    if (closing == NULL || memchr(uri, '<', closing - uri) != NULL)
        Py_RETURN_NONE;
    params = params_of(closing + 1, end, NAME, TOKEN, 1);
    return params == NULL ? none(NULL) : Py_BuildValue("NNN", text_of(name, stop), text_of(uri, closing), params);
}

PyObject *oversip_uri_with_params(PyObject *module, PyObject *text)
{
    const char *at, *end, *host, *tail, *sign, *stop, *port;
    PyObject *params;

    if (!ascii(text, &at, &end) || end - at < 5 || memcmp(at, "sip:", 4) != 0)
        return none(NULL);
    at += 4;
    sign = memchr(at, '@', end - at);
    host = sign == NULL ? at : sign + 1;
    tail = memchr(host, ';', end - host);
    if (tail == NULL)
        tail = end;
    stop = memchr(host, ':', tail - host);
    port = stop == NULL ? NULL : stop + 1;
    if (stop == NULL)
        stop = tail;
    if ((sign != NULL && (sign == at || after(at, sign, USER) != sign)) || !is_host_name(host, stop)
        || (port != NULL && (tail == port || tail - port > 5 || after(port, tail, DIGIT) != tail)))
        Py_RETURN_NONE;
    params = params_of(tail, end, KEY, PARAM, 0);
    return params == NULL ? none(NULL) : Py_BuildValue("NNNN", sign == NULL ? Py_NewRef(Py_None) : text_of(at, sign),
                                                       text_of(host, stop),
                                                       port == NULL ? Py_NewRef(Py_None) : text_of(port, tail), params);
}
