"""What moves pages in Redis: one Lua script for each step, so that it is one step for every replica."""

QUEUE = """
local function group_of(body)
  local said = cjson.decode(body)
  if (said.line or '') ~= '' then return 'line:' .. (said.site or '') .. '/' .. said.line end
  return 'station:' .. (said.station or '')
end

local function queue(outbox, waiting, page, incident, kind, body, now, keep, done_keep)
  if kind == 'opened' then
    if redis.call('EXISTS', page) == 1 then return end
    redis.call('HSET', page, 'opened', body, 'told', '', 'attempts', 0, 'group', group_of(body))
    redis.call('ZADD', outbox, now, incident)
  else
    local told = redis.call('HGET', page, 'told')
    if not told or told == 'resolved' or redis.call('HSETNX', page, 'resolved', body) == 0 then return end
    local held = tonumber(redis.call('HGET', page, 'held_until') or '0') or 0
    if told == 'opened' and held <= tonumber(now) then redis.call('ZADD', outbox, now, incident) end
  end
  redis.call('EXPIRE', page, keep)
  redis.call('SADD', waiting, incident .. '/' .. kind)
end
"""
"""Queues one page unless it was queued before. While somebody is telling the sink something of this incident, the
order of due times is left to whoever settles that. Part of the script that moves a station's state (states.py)."""

PAGE = QUEUE + "queue(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]) return 1"
"""Queues one page and nothing else."""

CLAIM = """
local outbox, pace, gates, rest, pages = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[6]
local now, lease, batch = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local interval, burst = tonumber(ARGV[4]), tonumber(ARGV[5])
local holder, grouped = ARGV[7], tonumber(ARGV[8]) > 0
local due = redis.call('ZRANGEBYSCORE', outbox, '-inf', now, 'LIMIT', 0, batch)
if #due == 0 or (tonumber(redis.call('GET', rest) or '0') or 0) > now then return {} end
local ahead = math.max(tonumber(redis.call('GET', pace) or '0') or 0, now)
if ahead + interval - now > burst * interval then return {} end
local claimed, chosen = {}, nil

local function may_go(page, incident)
  local group, part = unpack(redis.call('HMGET', page, 'group', 'part'))
  local call = (grouped and group or '') .. '|' .. (part or '')
  if call == chosen then return true end
  local gated = grouped and group and not part
  local gate = gated and tonumber(redis.call('ZSCORE', gates, group) or '0') or 0
  if gate > now then redis.call('ZADD', outbox, gate, incident) end
  if gate > now or chosen then return false end
  chosen = call
  if gated then redis.call('ZADD', gates, now + lease, group) end
  return true
end

for _, incident in ipairs(due) do
  local page = pages .. incident
  local held = redis.call('HMGET', page, 'opened', 'resolved', 'told', 'attempts', 'put_off', 'tried')
  if not held[1] then
    redis.call('ZREM', outbox, incident)
  elseif may_go(page, incident) then
    redis.call('ZADD', outbox, now + lease, incident)
    redis.call('HSET', page, 'holder', holder, 'held_until', now + lease, 'tried', 1)
    for each = 1, 6 do held[each] = held[each] or '' end
    table.insert(held, 1, incident)
    table.insert(claimed, held)
  end
end
if #claimed > 0 then
  redis.call('SET', pace, string.format('%.3f', ahead + interval), 'EX', 3600)
  redis.call('ZREMRANGEBYSCORE', gates, '-inf', now - 3600)
end
return claimed
"""
"""Claims what is due and may travel in one call, if the sink may be called at all (GCRA: `burst` calls, then one an
`interval`). Where pages are grouped, that is what is due of one group; what belongs to a group whose gate is closed is
due when it opens. Whoever claims closes the gate for as long as the lease; settling says when the next call may go.
`tried` stays with what was claimed: should its holder die, nobody knows whether the sink has it."""

SETTLE = """
local outbox, waiting, page, gates = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local incident, how, now, due, holder = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local keep, done_keep, every, part = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9]
if redis.call('HGET', page, 'holder') ~= holder then return 0 end
local group, was_part = unpack(redis.call('HMGET', page, 'group', 'part'))
redis.call('HDEL', page, 'holder', 'held_until', 'part')

local function gate(at)
  if every > 0 and group and not was_part then redis.call('ZADD', gates, at, group) end
end

if how == 'later' then
  redis.call('HINCRBY', page, 'attempts', 1)
  if was_part then redis.call('HSET', page, 'part', was_part) end
  gate(due)
  return redis.call('ZADD', outbox, due, incident)
elseif how == 'put_off' then
  redis.call('HSET', page, 'put_off', 1)
  if part == '' then redis.call('HDEL', page, 'tried') end
  return redis.call('ZADD', outbox, due, incident)
elseif how == 'apart' then
  redis.call('HSET', page, 'part', part)
  gate(now)
  return redis.call('ZADD', outbox, now, incident)
end

if how ~= 'dropped' then gate(now + every) end
if how == 'dropped' or how == 'resolved' then
  redis.call('HSET', page, 'told', 'resolved', 'attempts', 0)
  redis.call('SREM', waiting, incident .. '/opened', incident .. '/resolved')
  if due ~= '' then
    redis.call('EXPIRE', page, keep)
    return redis.call('ZADD', outbox, due, incident)
  end
  redis.call('HDEL', page, 'opened', 'resolved', 'put_off', 'tried', 'group')
  redis.call('EXPIRE', page, done_keep)
  return redis.call('ZREM', outbox, incident)
end

redis.call('HSET', page, 'told', 'opened', 'attempts', 0)
redis.call('SREM', waiting, incident .. '/opened')
if redis.call('HEXISTS', page, 'resolved') == 1 then
  return redis.call('ZADD', outbox, now, incident)
elseif due ~= '' then
  redis.call('EXPIRE', page, keep)
  return redis.call('ZADD', outbox, due, incident)
end
return redis.call('ZREM', outbox, incident)
"""
"""What became of one page, by its holder only: told (opened, resolved), `dropped` without telling, to be
tried `later`, `put_off`, or to go in another call than those it came with (`apart`). Told without a due time, there is
nothing more to tell until the next turn."""

UNUSED = """
local group = redis.call('HGET', KEYS[3], 'group')
if group then redis.call('ZREM', KEYS[2], group) end
local ahead = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
if ahead > 0 then redis.call('SET', KEYS[1], string.format('%.3f', ahead - tonumber(ARGV[1])), 'EX', 3600) end
return 1
"""
"""Gives back a call that was not made, and opens the gate of its group."""

BEAT = """
local now, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if (tonumber(redis.call('GET', KEYS[2]) or '0') or 0) > now then return 0 end
local ahead = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') or 0, now)
if ahead + interval - now > burst * interval then return 0 end
redis.call('SET', KEYS[1], string.format('%.3f', ahead + interval), 'EX', 3600)
redis.call('SET', KEYS[2], string.format('%.3f', now + tonumber(ARGV[4])), 'EX', 3600)
return 1
"""
"""Whether a call that is made every so often, by whichever replica comes first, is due; counted as a call."""

RESTORE = (
    QUEUE
    + """
local outbox, waiting, page = KEYS[1], KEYS[2], KEYS[3]
local incident, told, opened, resolved, now, again = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if redis.call('EXISTS', page) == 1 then return 0 end
redis.call('HSET', page, 'told', told, 'attempts', 0)
if told == 'resolved' then return redis.call('EXPIRE', page, ARGV[8]) end
redis.call('HSET', page, 'opened', opened, 'group', group_of(opened))
if resolved ~= '' then redis.call('HSET', page, 'resolved', resolved) end
redis.call('EXPIRE', page, ARGV[7])
if told == '' then redis.call('SADD', waiting, incident .. '/opened') end
if resolved ~= '' then redis.call('SADD', waiting, incident .. '/resolved') end
if told == '' or resolved ~= '' or again == '1' then redis.call('ZADD', outbox, now, incident) end
return 1
"""
)
"""Puts back what Kafka says of one incident and sink, where Redis holds nothing."""
