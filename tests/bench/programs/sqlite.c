/* SQLite: a database in memory: inserts, an index, joins, groups, updates. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

/* A file system without files: only databases in memory are opened. */
static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out) { return SQLITE_CANTOPEN; }
static int vfs_delete(sqlite3_vfs *v, const char *name, int sync) { return SQLITE_OK; }
static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *out) { *out = 0; return SQLITE_OK; }
static int vfs_path(sqlite3_vfs *v, const char *name, int n, char *out) { sqlite3_snprintf(n, out, "%s", name); return SQLITE_OK; }
static int vfs_random(sqlite3_vfs *v, int n, char *out) { memset(out, 42, (size_t)n); return n; }
static int vfs_sleep(sqlite3_vfs *v, int us) { return us; }
static int vfs_time(sqlite3_vfs *v, double *day) { *day = 2452162.5; return SQLITE_OK; }

static sqlite3_vfs vfs = {
    .iVersion = 1, .szOsFile = sizeof(sqlite3_file), .mxPathname = 64, .zName = "none",
    .xOpen = vfs_open, .xDelete = vfs_delete, .xAccess = vfs_access, .xFullPathname = vfs_path,
    .xRandomness = vfs_random, .xSleep = vfs_sleep, .xCurrentTime = vfs_time,
};

int sqlite3_os_init(void) { return sqlite3_vfs_register(&vfs, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }

static sqlite3 *db;

static void check(int err, int want, const char *what)
{
    if (err != want) {
        char why[100];
        snprintf(why, sizeof why, "sqlite: %.40s: %.40s", what, sqlite3_errmsg(db));
        fail(why, err);
    }
}

static void run(const char *sql) { check(sqlite3_exec(db, sql, 0, 0, 0), SQLITE_OK, sql); }

static uint32_t query(const char *sql, uint32_t sum)
{
    sqlite3_stmt *s;
    int err, i;

    check(sqlite3_prepare_v2(db, sql, -1, &s, 0), SQLITE_OK, sql);
    while ((err = sqlite3_step(s)) == SQLITE_ROW)
        for (i = 0; i < sqlite3_column_count(s); i++) {
            const unsigned char *text = sqlite3_column_text(s, i);
            if (text)
                sum = checksum(sum, text, (size_t)sqlite3_column_bytes(s, i));
        }
    check(err, SQLITE_DONE, sql);
    sqlite3_finalize(s);
    return sum;
}

uint32_t work(unsigned turn)
{
    sqlite3_stmt *s;
    uint32_t sum = CHECKSUM;
    int i;

    random_seed(turn + 7);
    check(sqlite3_open(":memory:", &db), SQLITE_OK, "open");
    run("CREATE TABLE routers(id INTEGER PRIMARY KEY, name TEXT, site TEXT);"
        "CREATE TABLE routes(id INTEGER PRIMARY KEY, router INT, prefix INT, length INT, nexthop TEXT, metric INT);"
        "CREATE INDEX by_prefix ON routes(prefix, length); BEGIN");
    check(sqlite3_prepare_v2(db, "INSERT INTO routers VALUES(?, ?, ?)", -1, &s, 0), SQLITE_OK, "insert");
    for (i = 0; i < 100; i++) {
        char name[32];
        sqlite3_bind_int(s, 1, i);
        sqlite3_bind_text(s, 2, name, snprintf(name, sizeof name, "router-%u", (unsigned)(random32() % 10000)), SQLITE_TRANSIENT);
        sqlite3_bind_text(s, 3, i % 3 ? "Bern" : "Oslo", 4, SQLITE_STATIC);
        check(sqlite3_step(s), SQLITE_DONE, "insert");
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    check(sqlite3_prepare_v2(db, "INSERT INTO routes(router, prefix, length, nexthop, metric) VALUES(?, ?, ?, ?, ?)", -1, &s, 0), SQLITE_OK, "insert");
    for (i = 0; i < 3000; i++) {
        char hop[32];
        uint32_t r = random32();
        sqlite3_bind_int(s, 1, (int)(r % 100));
        sqlite3_bind_int64(s, 2, r & 0xffffff00u);
        sqlite3_bind_int(s, 3, 8 + (int)(r >> 4 & 15));
        sqlite3_bind_text(s, 4, hop, snprintf(hop, sizeof hop, "10.%u.%u.%u", (unsigned)(r & 3), (unsigned)(r >> 8 & 255), (unsigned)(r >> 16 & 255)), SQLITE_TRANSIENT);
        sqlite3_bind_int(s, 5, (int)(random32() % 5000));
        check(sqlite3_step(s), SQLITE_DONE, "insert");
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    run("COMMIT");
    sum = query("SELECT site, count(*), min(metric), max(metric), sum(metric) FROM routes JOIN routers ON router = routers.id GROUP BY site, length ORDER BY 1, 2, 3", sum);
    sum = query("SELECT name, nexthop FROM routes r JOIN routers ON router = routers.id WHERE nexthop LIKE '10.2.%7' ORDER BY name, metric DESC LIMIT 200", sum);
    sum = query("SELECT a.id, b.id FROM routes a JOIN routes b ON a.prefix = b.prefix + 256 AND a.length >= b.length ORDER BY a.metric", sum);
    run("UPDATE routes SET metric = metric + length WHERE router IN (SELECT id FROM routers WHERE site = 'Oslo')");
    run("DELETE FROM routes WHERE metric > 4000");
    sum = query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT sum(i * i % 7), group_concat(i % 10, '') FROM n", sum);
    sum = query("SELECT substr(nexthop, 1, 7) AS net, count(DISTINCT router), total(metric) FROM routes GROUP BY net HAVING count(*) > 3 ORDER BY 2 DESC, 1", sum);
    sqlite3_close(db);
    return sum;
}
