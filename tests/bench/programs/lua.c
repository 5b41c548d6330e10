/* Lua: strings, tables, closures, coroutines, 64-bit integers, patterns. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>

#include "program.h"

static const char script[] =
"local turn = ...\n"
"local seed = turn + 1\n"
"local function rnd(n) seed = (seed * 1103515245 + 12345) & 0x7fffffff return (seed >> 8) % n end\n"
/* A routing table as a tree of closures and tables. */
"local Node = {} Node.__index = Node\n"
"function Node.new(k) return setmetatable({key = k, count = 0}, Node) end\n"
"function Node:insert(k)\n"
"  local n = self\n"
"  while true do\n"
"    n.count = n.count + 1\n"
"    local side = k < n.key and 'left' or 'right'\n"
"    if not n[side] then n[side] = Node.new(k) return end\n"
"    n = n[side]\n"
"  end\n"
"end\n"
"function Node:walk() if self.left then self.left:walk() end coroutine.yield(self.key, self.count) if self.right then self.right:walk() end end\n"
"local root = Node.new(500000)\n"
"for i = 1, 6000 do root:insert(rnd(1000000)) end\n"
"local sum, last = 0, -1\n"
"for key, count in coroutine.wrap(function() root:walk() end) do\n"
"  assert(key >= last) last = key\n"
"  sum = (sum * 31 + key * count) & 0xffffffff\n"
"end\n"
/* Sorting with a comparison function, and joined text. */
"local lines = {}\n"
"for i = 1, 2500 do lines[i] = string.format('10.%d.%d.%d/%d via Serial%d/%d metric %d', rnd(4), rnd(256), rnd(256), 8 + rnd(25), rnd(7), rnd(4), rnd(100000)) end\n"
"table.sort(lines, function(a, b) return a > b end)\n"
"local text = table.concat(lines, '\\n')\n"
"for a, b, c, d, len, port, metric in text:gmatch('(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+) via (%a+%d/%d) metric (%d+)') do\n"
"  sum = (sum ~ a * 16777216 + b * 65536 + c * 256 + d + len * #port + tonumber(metric)) * 16777619 & 0xffffffff\n"
"end\n"
"local shorter, n = text:gsub('Serial(%d)/(%d)', function(a, b) return 'S' .. a .. ':' .. b end)\n"
"sum = sum + #shorter * n\n"
/* Sieve and queens: arrays and recursion. */
"local sieve, primes = {}, 0\n"
"for i = 2, 40000 do sieve[i] = true end\n"
"for i = 2, 40000 do if sieve[i] then primes = primes + 1 for j = i * i, 40000, i do sieve[j] = false end end end\n"
"local function queens(n, row, cols, up, down)\n"
"  if row == n then return 1 end\n"
"  local found = 0\n"
"  for c = 0, n - 1 do\n"
"    if not (cols[c] or up[row + c] or down[row - c]) then\n"
"      cols[c], up[row + c], down[row - c] = true, true, true\n"
"      found = found + queens(n, row + 1, cols, up, down)\n"
"      cols[c], up[row + c], down[row - c] = nil, nil, nil\n"
"    end\n"
"  end\n"
"  return found\n"
"end\n"
"return (sum + primes * 7 + queens(7, 0, {}, {}, {}) * 65537) & 0xffffffff\n";

uint32_t work(unsigned turn)
{
    lua_State *L = luaL_newstate();
    uint32_t sum;

    luaL_openlibs(L);
    if (luaL_loadbuffer(L, script, sizeof script - 1, "=script"))
        fail(lua_tostring(L, -1), 0);
    lua_pushinteger(L, turn);
    if (lua_pcall(L, 1, 1, 0))
        fail(lua_tostring(L, -1), 1);
    sum = (uint32_t)lua_tointeger(L, -1);
    lua_close(L);
    return sum;
}
