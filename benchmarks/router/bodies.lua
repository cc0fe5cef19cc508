-- POST each line of a file once, as wrk's requests. Arguments: the file, the path, the API key (may be empty).
-- When the file is used up, requests go to a path that does not exist, so that the run counts failures.

local lines, head

function init(arguments)
  lines = io.lines(arguments[1])
  head = "POST " .. arguments[2] .. " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-API-Key: "
    .. (arguments[3] or "") .. "\r\nContent-Length: "
end

function request()
  local body = lines and lines()
  if body == nil then
    lines = nil
    return "GET /no-bodies-left HTTP/1.1\r\nHost: localhost\r\n\r\n"
  end
  return head .. #body .. "\r\n\r\n" .. body
end
