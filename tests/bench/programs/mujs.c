/* MuJS: JavaScript, whose numbers are doubles on a CPU without FPU. */
#include <mujs.h>

#include "program.h"

static const char script[] =
"var seed = turn + 1;\n"
"function random(n) { seed = (seed * 1103 + 12345) & 0xfffff; return (seed >> 4) % n; }\n"
"function Route(net, len, hop) { this.net = net; this.len = len; this.hop = hop; }\n"
"Route.prototype.matches = function (a) { return this.len == 0 || (a ^ this.net) >>> (32 - this.len) == 0; };\n"
"var routes = [], sum = 0, i;\n"
"for (i = 0; i < 60; i++) routes.push(new Route(random(65536) << 16, 4 + random(12), 'Serial' + random(8) + '/' + random(4)));\n"
"routes.sort(function (a, b) { return b.len - a.len || (a.hop < b.hop ? -1 : a.hop > b.hop ? 1 : a.net - b.net); });\n"
"function lookup(a) { for (var i = 0; i < routes.length; i++) if (routes[i].matches(a)) return routes[i]; return null; }\n"
"for (i = 0; i < 300; i++) { var r = lookup(random(65536) << 16 | random(65536)); if (r) sum = (sum * 31 + r.len + r.hop.charCodeAt(6)) | 0; }\n"
"var words = {}, text = '';\n"
"for (i = 0; i < 300; i++) text += 'if-' + random(40) + (i % 9 ? ' ' : '\\n');\n"
"text.split(/\\s+/).forEach(function (w) { words[w] = (words[w] || 0) + 1; });\n"
"Object.keys(words).sort().map(function (w) { return w + '=' + words[w]; }).join(';').replace(/(\\d+)=(\\d+)/g, function (m, a, b) { sum = (sum + a * b) | 0; return b; });\n"
"var state = JSON.parse(JSON.stringify({ routes: routes, words: words, list: [1, 2.5, 'three', null, true] }));\n"
"sum += state.routes.length + state.list[1] * 2;\n"
"function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }\n"
"sum += fib(14);\n"
"function mandelbrot(size) {\n"
"  var inside = 0;\n"
"  for (var y = 0; y < size; y++) for (var x = 0; x < size; x++) {\n"
"    var cr = x * 3 / size - 2, ci = y * 2 / size - 1, zr = 0, zi = 0, n = 0;\n"
"    while (n < 20 && zr * zr + zi * zi < 4) { var t = zr * zr - zi * zi + cr; zi = 2 * zr * zi + ci; zr = t; n++; }\n"
"    inside += n;\n"
"  }\n"
"  return inside;\n"
"}\n"
"(sum + mandelbrot(12)) & 0x7fffffff;\n";

uint32_t work(unsigned turn)
{
    js_State *J = js_newstate(0, 0, JS_STRICT);
    uint32_t sum;

    js_pushnumber(J, turn);
    js_setglobal(J, "turn");
    if (js_ploadstring(J, "script", script))
        fail(js_tostring(J, -1), 0);
    js_pushundefined(J);
    if (js_pcall(J, 0))
        fail(js_tostring(J, -1), 1);
    sum = js_touint32(J, -1);
    js_freestate(J);
    return sum;
}
