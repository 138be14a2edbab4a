"""What is done inside Redis, all of it or nothing: each is one script, which nobody else's command comes between.

Under the prefix P (``oversip``):

- ``P:aor:AOR`` is a hash: ``v`` the version of the whole, every other field a binding by its key in hexadecimal. A
  binding is ``EXPIRES ENDED STAMP JSON``: two dates in ms since 1970 (ENDED 0: it stands), what names Call-ID and CSeq,
  and the rest. The hash expires when the last of them need not be remembered any longer.
- ``P:users`` is a hash from ``NAME@DOMAIN`` to a JSON list of digests; ``P:users:version`` counts its changes.
- ``P:rules`` is a hash from an AoR, as JSON, to a JSON list of its rules: busy, no answer, unregistered, seconds;
  ``P:aliases`` one from an AoR to that of the user that it stands for, both as JSON.
- ``P:secret:NAME`` is a list of keys, newest first. ``P:node:ID`` is there while that server lives. ``P:schema``.
- on ``P:events`` every change is told at once.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final


class Script:
    """A script and the name that Redis knows it by."""

    __slots__ = ("name", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text.encode()
        self.name: Final = sha1(self.text, usedforsecurity=False).hexdigest()


#: KEYS: the hash. ARGV: channel, node, AoR, now, how long what ended is remembered (ms), the version that is expected
#: ("": any), how many come, and of each field, value; then of each that goes field, stamp ("x" behind it: its server is
#: gone, and it leaves nothing behind).
#: Gives 1, the version before, the version now; or 0, the version, and all values when another was expected.
WRITE = Script("""
local key, channel, node, aor = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local now, remember, expected, coming = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local before = redis.call('HGET', key, 'v') or '0'
local function values()
  local found, latest = {}, 0
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if all[i] ~= 'v' then
      local expires, ended = string.match(all[i + 1], '^(%d+) (%d+) ')
      expires, ended = tonumber(expires), tonumber(ended)
      if ended > 0 and ended < expires then expires = ended end
      if expires + remember <= now then
        redis.call('HDEL', key, all[i])
      else
        found[#found + 1] = all[i + 1]
        if expires > latest then latest = expires end
      end
    end
  end
  return found, latest
end
if expected ~= '' and expected ~= before then
  local found = values()
  return {0, before, found}
end
local at = 8
for _ = 1, coming do
  redis.call('HSET', key, ARGV[at], ARGV[at + 1])
  at = at + 2
end
while at < #ARGV do
  local value = redis.call('HGET', key, ARGV[at])
  if value then
    local expires, ended, stamp, rest = string.match(value, '^(%d+) (%d+) (%x+) (.*)$')
    if ARGV[at + 1] == stamp .. 'x' then
      redis.call('HDEL', key, ARGV[at])
    elseif ended == '0' and stamp == ARGV[at + 1] then
      redis.call('HSET', key, ARGV[at], expires .. ' ' .. ARGV[4] .. ' ' .. stamp .. ' ' .. rest)
    end
  end
  at = at + 2
end
local found, latest = values()
local version = tonumber(before) < now and ARGV[4] or string.format('%.0f', tonumber(before) + 1)
if #found == 0 then
  redis.call('DEL', key) -- a new version all the same: who was taken for dead has to hear of it
else
  redis.call('HSET', key, 'v', version)
  redis.call('PEXPIRE', key, string.format('%.0f', latest + remember - now))
end
redis.call('PUBLISH', channel, table.concat({'B', node, version, aor, unpack(found)}, '\\n'))
return {1, before, version}
""")

#: KEYS: none. ARGV: cursor, pattern of keys, how many to look at. Gives the next cursor, and of each key it, v, values.
LOAD = Script("""
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3], 'TYPE', 'hash')
local found = {}
for _, key in ipairs(page[2]) do
  local all = redis.call('HGETALL', key)
  local one = {key, '0'}
  for i = 1, #all, 2 do
    if all[i] == 'v' then one[2] = all[i + 1] else one[#one + 1] = all[i + 1] end
  end
  found[#found + 1] = one
end
return {page[1], found}
""")

#: KEYS: users, their version, rules, aliases. ARGV: channel, how ("add", "change", "remove"), field, value, AoR as in
#: the rules; those and the aliases go with the user. 1: done, 0: not as it was.
USER = Script("""
local there = redis.call('HEXISTS', KEYS[1], ARGV[3]) == 1
if there == (ARGV[2] == 'add') then return 0 end
if ARGV[2] == 'add' and redis.call('HEXISTS', KEYS[4], ARGV[5]) == 1 then return 0 end
if ARGV[2] == 'remove' then redis.call('HDEL', KEYS[1], ARGV[3]) else redis.call('HSET', KEYS[1], ARGV[3], ARGV[4]) end
redis.call('INCR', KEYS[2])
redis.call('PUBLISH', ARGV[1], 'U\\n' .. ARGV[3] .. '\\n' .. (ARGV[2] == 'remove' and '' or ARGV[4]))
if ARGV[2] ~= 'remove' then return 1 end
if redis.call('HDEL', KEYS[3], ARGV[5]) == 1 then redis.call('PUBLISH', ARGV[1], 'R\\n' .. ARGV[5] .. '\\n') end
local all = redis.call('HGETALL', KEYS[4])
for i = 1, #all, 2 do
  if all[i + 1] == ARGV[5] then
    redis.call('HDEL', KEYS[4], all[i])
    redis.call('PUBLISH', ARGV[1], 'A\\n' .. all[i] .. '\\n')
  end
end
return 1
""")

#: KEYS: rules or aliases. ARGV: channel, kind of message, AoR, value ("": none), how ("lost": unless somebody has said
#: something since).
ENTRY = Script("""
if ARGV[5] == 'lost' and redis.call('HEXISTS', KEYS[1], ARGV[3]) == 1 then return 0 end
if ARGV[4] == '' then redis.call('HDEL', KEYS[1], ARGV[3]) else redis.call('HSET', KEYS[1], ARGV[3], ARGV[4]) end
redis.call('PUBLISH', ARGV[1], ARGV[2] .. '\\n' .. ARGV[3] .. '\\n' .. ARGV[4])
return 1
""")

#: KEYS: the list. ARGV: keys, newest first, for when there is none: several servers may come at the same time. Gives
#: all, newest first.
SECRET = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('RPUSH', KEYS[1], unpack(ARGV)) end
return redis.call('LRANGE', KEYS[1], 0, -1)
""")

#: KEYS: the node. ARGV: channel, its name, the lease in ms. Renews it, and says that it lives.
LEASE = Script("""
redis.call('SET', KEYS[1], '1', 'PX', ARGV[3])
redis.call('PUBLISH', ARGV[1], 'N\\n' .. ARGV[2])
return 1
""")

ALL = (WRITE, LOAD, USER, ENTRY, SECRET, LEASE)
