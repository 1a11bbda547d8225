/* Method  The id map has counted every user's ratings and tells each rank where
 *         its own of them go, so an entry's place in the matrix is known
 *         before it moves: it is written there at once or sent to the rank
 *         that owns the place, and the order within a row is that of the
 *         input whatever way it came. Rows that do not ascend are sorted.
 * Cost    One pass over the entries; those of other ranks cross the wire once,
 *         in rounds. Radix sort of the rows that need it. */
#include <stdbool.h>
#include <string.h>

#include "cfmpi/csr.h"
#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* ---- to their places ---- */

/* An entry on its way to another rank. */
typedef struct parcel {
    int64_t place; /* among the entries of all ranks */
    cf_lidx col;
    float value;
} parcel;

/* One round's traffic. */
typedef struct mail {
    cf_part places;          /* entries that belong to each rank */
    int64_t *place;          /* [round] of entries for others, -1 for own */
    int64_t *to, *from, *at; /* [ranks] */
    parcel *send;            /* [round] */
    int64_t *send_time;      /* [round], with times */
    parcel *got;             /* [room], kept from round to round */
    int64_t *got_time;       /* [room], with times */
    int64_t room;
    cf_lidx *column; /* of each item of this rank's table */
} mail;

/* A whole number of rounds makes a chunk. */
static int64_t round_length(const cf_par *par)
{
    int64_t length = CF_ENTRIES_CHUNK;
    while (length > 1024 && length * (par->size / 8) > CF_ENTRIES_CHUNK)
        length /= 2;
    return length;
}

static void mail_begin(mail *m, const cf_par *par, const cf_csr *a,
                       const cf_gidx *column, int64_t columns)
{
    int64_t n = round_length(par);
    *m = (mail){0};
    cf_part_gather(&m->places, par, a->indptr[a->n_loc]);
    m->to = cf_alloc(3 * (int64_t)par->size, sizeof *m->to, "entry counts");
    m->from = m->to + par->size;
    m->at = m->from + par->size;
    if (par->size == 1)
        n = 0;
    m->place = cf_alloc(n, sizeof *m->place, "entry places");
    m->send = cf_alloc(n, sizeof *m->send, "entries to send");
    m->send_time = cf_alloc(a->time != NULL ? n : 0, sizeof *m->send_time,
                            "entries to send");
    m->column = cf_alloc(columns, sizeof *m->column, "columns of items");
    for (int64_t i = 0; i < columns; i++)
        m->column[i] = (cf_lidx)column[i];
}

static void mail_end(mail *m)
{
    cf_part_free(&m->places);
    cf_free(m->to);
    cf_free(m->place);
    cf_free(m->send);
    cf_free(m->send_time);
    cf_free(m->column);
    cf_free(m->got);
    cf_free(m->got_time);
}

#define BATCH 4096 /* rows whose users and values are unpacked at once */

/* Rows [begin, end) of a chunk: own entries are placed, the others counted. */
static void place_own(cf_csr *a, mail *m, const cf_par *par,
                      const cf_entries *e, const cf_chunk *c, int64_t begin,
                      int64_t end, int64_t *first)
{
    cf_gidx base = m->places.begin[par->rank];
    uint64_t own = (uint64_t)a->indptr[a->n_loc];
    const cf_lidx *column = m->column;
    int32_t user[BATCH];
    float value[BATCH];
    memset(m->to, 0, (size_t)par->size * sizeof *m->to);
    for (int64_t b = begin; b < end; b += BATCH) {
        int64_t n = CF_MIN(BATCH, end - b);
        cf_entries_unpack(e, c, b, n, user, value);
        for (int64_t i = 0; i < n; i++) {
            int64_t place = first[user[i]]++, at = place - base;
            if ((uint64_t)at < own) {
                a->indices[at] = column[c->item[b + i]];
                a->values[at] = value[i];
                if (a->time != NULL)
                    a->time[at] = c->time[b + i];
                place = -1;
            } else {
                m->to[cf_part_owner(&m->places, place)]++;
            }
            if (par->size > 1)
                m->place[b + i - begin] = place;
        }
    }
}

/* Entries for others, grouped by rank. */
static void pack(mail *m, const cf_par *par, const cf_entries *e,
                 const cf_chunk *c, int64_t begin, int64_t end)
{
    int32_t user[BATCH];
    float value[BATCH];
    int64_t sum = 0;
    for (int r = 0; r < par->size; r++) {
        m->at[r] = sum;
        sum += m->to[r];
    }
    for (int64_t b = begin; b < end && sum > 0; b += BATCH) {
        int64_t n = CF_MIN(BATCH, end - b);
        cf_entries_unpack(e, c, b, n, user, value);
        for (int64_t i = 0; i < n; i++) {
            int64_t place = m->place[b + i - begin];
            if (place < 0)
                continue;
            int64_t at = m->at[cf_part_owner(&m->places, place)]++;
            m->send[at] = (parcel){place, m->column[c->item[b + i]], value[i]};
            if (c->time != NULL)
                m->send_time[at] = c->time[b + i];
        }
    }
}

static void make_room(mail *m, int64_t arriving, bool timed)
{
    if (arriving <= m->room)
        return;
    cf_free(m->got);
    cf_free(m->got_time);
    m->room = arriving + arriving / 4;
    m->got = cf_alloc(m->room, sizeof *m->got, "entries received");
    m->got_time =
        cf_alloc(timed ? m->room : 0, sizeof *m->got_time, "entries received");
}

static void deliver(cf_csr *a, mail *m, const cf_par *par)
{
    int64_t arriving = 0, base = m->places.begin[par->rank];
    cf_alltoall_counts(par, m->to, m->from);
    for (int r = 0; r < par->size; r++)
        arriving += m->from[r];
    make_room(m, arriving, a->time != NULL);
    cf_alltoallv(par, m->send, m->to, m->got, m->from, sizeof *m->got);
    for (int64_t i = 0; i < arriving; i++) {
        a->indices[m->got[i].place - base] = m->got[i].col;
        a->values[m->got[i].place - base] = m->got[i].value;
    }
    if (a->time == NULL)
        return;
    cf_alltoallv(par, m->send_time, m->to, m->got_time, m->from,
                 sizeof *m->got_time);
    for (int64_t i = 0; i < arriving; i++)
        a->time[m->got[i].place - base] = m->got_time[i];
}

static void place_entries(cf_csr *a, const cf_par *par, cf_entries *e,
                          const cf_numbering *n)
{
    mail m;
    int64_t length = round_length(par);
    int64_t rounds = cf_max_i64(par, (e->count + length - 1) / length);
    mail_begin(&m, par, a, n->item_at->index, e->items.ids.count);
    for (int64_t r = 0; r < rounds; r++) {
        int64_t begin = CF_MIN(r * length, e->count);
        int64_t end = CF_MIN(begin + length, e->count);
        int64_t number = begin / CF_ENTRIES_CHUNK;
        cf_chunk none = {0};
        cf_chunk *c = begin < end ? &e->chunk[number] : &none;
        begin -= number * CF_ENTRIES_CHUNK;
        end -= number * CF_ENTRIES_CHUNK;
        place_own(a, &m, par, e, c, begin, end, n->user_at->first);
        if (par->size > 1) {
            pack(&m, par, e, c, begin, end);
            deliver(a, &m, par);
        }
        if (end == CF_ENTRIES_CHUNK)
            cf_chunk_free(c);
    }
    mail_end(&m);
    for (int64_t c = 0; c < e->chunks; c++)
        cf_chunk_free(&e->chunk[c]);
    e->chunks = e->count = 0;
}

/* ---- order within the rows ---- */

/* Room to sort the longest row in. */
typedef struct scratch {
    uint64_t *key, *other; /* column, and place in the row */
    float *value;
    int64_t *time;
    int bytes; /* of a column number */
} scratch;

static bool ascends(const cf_lidx *col, int64_t n)
{
    int64_t falls = 0;
    for (int64_t i = 1; i < n; i++)
        falls += col[i - 1] >= col[i];
    return falls == 0;
}

#define SHORT_ROW 32

static void insertion_sort(uint64_t *key, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        uint64_t k = key[i];
        int64_t j = i;
        for (; j > 0 && key[j - 1] > k; j--)
            key[j] = key[j - 1];
        key[j] = k;
    }
}

/* Least significant byte of the column first; stable. */
static uint64_t *radix_sort(scratch *s, int64_t n)
{
    uint64_t *from = s->key, *to = s->other;
    for (int byte = 0; byte < s->bytes; byte++) {
        int64_t at[257] = {0};
        int shift = 32 + 8 * byte;
        for (int64_t i = 0; i < n; i++)
            at[(from[i] >> shift & 255) + 1]++;
        for (int b = 0; b < 256; b++)
            at[b + 1] += at[b];
        for (int64_t i = 0; i < n; i++)
            to[at[from[i] >> shift & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static void sort_row(cf_csr *a, int64_t begin, int64_t n, scratch *s)
{
    cf_lidx *col = a->indices + begin;
    uint64_t *key = s->key;
    for (int64_t i = 0; i < n; i++)
        key[i] = (uint64_t)(uint32_t)col[i] << 32 | (uint64_t)i;
    if (n <= SHORT_ROW)
        insertion_sort(key, n);
    else
        key = radix_sort(s, n);
    memcpy(s->value, a->values + begin, (size_t)n * sizeof *s->value);
    if (a->time != NULL)
        memcpy(s->time, a->time + begin, (size_t)n * sizeof *s->time);
    for (int64_t i = 0; i < n; i++) {
        int64_t place = (int64_t)(key[i] & UINT32_MAX);
        col[i] = (cf_lidx)(key[i] >> 32);
        a->values[begin + i] = s->value[place];
        if (a->time != NULL)
            a->time[begin + i] = s->time[place];
    }
}

/* True when every row ascends without repeats already. */
static bool sort_rows(cf_csr *a)
{
    scratch s = {0};
    int64_t longest = 0, unsorted = 0;
    bool *sorted = cf_alloc(a->n_loc, sizeof *sorted, "rows to sort");
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t b = a->indptr[i], n = a->indptr[i + 1] - b;
        sorted[i] = ascends(a->indices + b, n);
        if (sorted[i])
            continue;
        unsorted++;
        longest = CF_MAX(longest, n);
    }
    CF_ASSERT(longest <= UINT32_MAX);
    for (cf_gidx top = a->cols - 1; top > 0; top >>= 8)
        s.bytes++;
    s.key = cf_alloc(longest, sizeof *s.key, "row to sort");
    s.other = cf_alloc(longest, sizeof *s.other, "row to sort");
    s.value = cf_alloc(longest, sizeof *s.value, "row to sort");
    s.time =
        cf_alloc(a->time != NULL ? longest : 0, sizeof *s.time, "row to sort");
    for (int64_t i = 0; i < a->n_loc && unsorted > 0; i++)
        if (!sorted[i])
            sort_row(a, a->indptr[i], a->indptr[i + 1] - a->indptr[i], &s);
    cf_free(sorted);
    cf_free(s.key);
    cf_free(s.other);
    cf_free(s.value);
    cf_free(s.time);
    return unsorted == 0;
}

/* ---- duplicates ---- */

/* One value for the run [b, e) of entries in the same place. */
static float merge_run(const float *v, int64_t b, int64_t e,
                       enum cf_duplicates rule)
{
    double sum = 0;
    if (rule == CF_DUP_FIRST || e - b == 1)
        return v[b];
    if (rule == CF_DUP_LAST)
        return v[e - 1];
    for (int64_t i = b; i < e; i++)
        sum += v[i];
    return (float)(rule == CF_DUP_MEAN ? sum / (double)(e - b) : sum);
}

/* Applies the rule; false with `place` set when the rule is none. */
static bool merge_duplicates(cf_csr *a, cf_gidx begin, enum cf_duplicates rule,
                             int64_t *merged, cf_gidx place[2])
{
    int64_t out = 0, row_begin = 0;
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t end = a->indptr[i + 1];
        for (int64_t b = row_begin, e; b < end; b = e) {
            for (e = b + 1; e < end && a->indices[e] == a->indices[b];)
                e++;
            if (e - b > 1 && rule == CF_DUP_ERROR) {
                place[0] = begin + i;
                place[1] = a->indices[b];
                return false;
            }
            *merged += e - b - 1;
            a->values[out] = merge_run(a->values, b, e, rule);
            if (a->time != NULL)
                a->time[out] = a->time[rule == CF_DUP_FIRST ? b : e - 1];
            a->indices[out++] = a->indices[b];
        }
        row_begin = end;
        a->indptr[i + 1] = out;
    }
    return true;
}

/* ---- all together ---- */

static void make_rows(cf_csr *a, const cf_par *par, const cf_numbering *n,
                      bool timed)
{
    a->rows = cf_part_rows(&n->users->part);
    a->cols = n->cols;
    cf_csr_balance(&a->part, par, &n->users->part, n->users->entries);
    a->n_loc = cf_part_count(&a->part, par->rank);
    a->indptr = cf_alloc(a->n_loc + 1, sizeof *a->indptr, "row pointers");
    a->indptr[0] = 0;
    cf_repartition_rows(par, &n->users->part, n->users->entries, &a->part,
                        a->indptr + 1, sizeof *a->indptr);
    for (int64_t i = 0; i < a->n_loc; i++)
        a->indptr[i + 1] += a->indptr[i];
    int64_t count = a->indptr[a->n_loc];
    a->indices = cf_alloc(count, sizeof *a->indices, "column numbers");
    a->values = cf_alloc(count, sizeof *a->values, "ratings");
    if (timed)
        a->time = cf_alloc(count, sizeof *a->time, "times");
}

int cf_csr_build(cf_csr *a, const cf_par *par, cf_entries *e,
                 const cf_numbering *n, enum cf_duplicates rule,
                 int64_t *merged, cf_gidx place[2])
{
    cf_csr_free(a);
    make_rows(a, par, n, e->timed);
    place_entries(a, par, e, n);
    *merged = 0;
    bool good = sort_rows(a) || merge_duplicates(a, a->part.begin[par->rank],
                                                 rule, merged, place);
    int bad_rank = (int)cf_min_i64(par, good ? par->size : par->rank);
    if (bad_rank < par->size) {
        cf_bcast(par, place, 2 * sizeof *place, bad_rank);
        return CF_BAD_DATA;
    }
    *merged = cf_sum_i64(par, *merged);
    cf_csr_seal(a, par);
    return CF_OK;
}
