-- GET /choose for fresh and returning users, one half each, as wrk's requests.
-- Arguments: digits that users' ids begin with and no earlier run used, and the API key (may be empty).

local prefix, key, sent

function init(arguments)
  prefix, sent = arguments[1], 0
  key = arguments[2] or ""
  math.randomseed(20240501)
end

function request()
  sent = sent + 1
  -- Even requests bring a new user; odd ones bring back one of the last 10,000 of these.
  local user = sent
  if sent % 2 == 1 then
    user = 2 * math.random(math.max(1, math.floor(sent / 2) - 10000), math.max(1, math.floor(sent / 2)))
  end
  return "GET /choose?experiment=movielens&user_id=" .. prefix .. user .. " HTTP/1.1\r\nHost: localhost\r\n"
    .. "X-API-Key: " .. key .. "\r\n\r\n"
end
