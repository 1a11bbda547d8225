#include "columns.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define LONGEST 24

static const char *const user_names[] = {
    "user",     "userid",  "uid",       "username",  "reviewerid", "customerid",
    "memberid", "account", "accountid", "profileid", NULL};
static const char *const item_names[] = {
    "item",    "itemid",    "iid",      "id",         "movie",     "movieid",
    "film",    "filmid",    "book",     "bookid",     "isbn",      "asin",
    "product", "productid", "sku",      "article",    "articleid", "track",
    "trackid", "song",      "songid",   "artist",     "artistid",  "anime",
    "animeid", "game",      "gameid",   "appid",      "show",      "showid",
    "joke",    "jokeid",    "business", "businessid", "tconst",    NULL};
static const char *const rating_names[] = {
    "rating",     "ratings",    "score",      "stars", "overall",
    "bookrating", "userrating", "preference", NULL};
static const char *const time_names[] = {
    "timestamp", "time",           "ts", "tstamp", "date", "datetime",
    "unixtime",  "unixreviewtime", NULL};
static const char *const title_names[] = {
    "title",      "name",      "movietitle",   "moviename",    "filmtitle",
    "booktitle",  "itemtitle", "itemname",     "producttitle", "productname",
    "tracktitle", "trackname", "songtitle",    "songname",     "artistname",
    "gametitle",  "gamename",  "articletitle", "primarytitle", NULL};

static const char *const *const names[] = {
    [CF_COLUMN_USER] = user_names,     [CF_COLUMN_ITEM] = item_names,
    [CF_COLUMN_RATING] = rating_names, [CF_COLUMN_TIME] = time_names,
    [CF_COLUMN_TITLE] = title_names,
};

bool cf_column_named(enum cf_column column, const char *s, const char *e)
{
    char plain[LONGEST + 1];
    size_t n = 0;
    for (; s < e; s++) {
        unsigned char c = (unsigned char)*s;
        bool counts = isalnum(c) || c >= 0x80;
        if (counts && n == LONGEST)
            return false;
        if (counts)
            plain[n++] = (char)tolower(c);
    }
    plain[n] = '\0';
    for (const char *const *name = names[column]; *name != NULL; name++)
        if (strcmp(plain, *name) == 0)
            return true;
    return false;
}
