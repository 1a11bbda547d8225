#define _POSIX_C_SOURCE 200809L
#include "cfmpi/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/file.h"
#include "cfmpi/predict.h"
#include "cfmpi/similarity.h"
#include "commands.h"
#include "option_table.h"
#include "version.h"

#define CONF "cfmpi.conf"

/* Options that act at once, not table rows: they set no field. */
static const char about[] =
    "  --config FILE          read options from FILE (key = value a line)\n"
    "  --print-config         print the options in force, and stop\n"
    "  --help, --version      print this or the version, and stop\n";

static int find_command(const char *name)
{
    for (int c = 0; c < CF_CMD_COUNT; c++)
        if (strcmp(cf_commands[c].name, name) == 0)
            return c;
    return -1;
}

/* ---- help ---- */

static void print_overview(FILE *out)
{
    fprintf(out,
            "usage: cfmpi COMMAND INPUT [options]    (mpirun -n 4 cfmpi …)\n"
            "       cfmpi INPUT -o OUT.h5            the same as run\n"
            "       cfmpi                            reads ./" CONF "\n\n"
            "Exact nearest neighbours and recommendations from rating data.\n"
            "\ncommands:\n");
    for (int c = 0; c < CF_CMD_COUNT; c++)
        fprintf(out, "  %-10s %s\n", cf_commands[c].name, cf_commands[c].help);
    fprintf(out, "\n`cfmpi COMMAND --help` shows a command's options.\n");
}

#define HELP_COLUMN 25
#define HELP_WIDTH 80

/* The words of `text`, broken into lines from HELP_COLUMN on. */
static void print_wrapped(const char *text)
{
    int column = HELP_COLUMN;
    for (const char *s = text; *s != '\0';) {
        int n = (int)strcspn(s, " ");
        if (column > HELP_COLUMN && column + 1 + n > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            printf(" ");
            column++;
        }
        printf("%.*s", n, s);
        column += n;
        s += n + (s[n] == ' ');
    }
    printf("\n");
}

static void print_row(const cf_option *row)
{
    char left[64];
    cf_text right = {0};
    int n = row->letter != 0 ? snprintf(left, sizeof left, "-%c, --%s",
                                        row->letter, row->name)
                             : snprintf(left, sizeof left, "--%s", row->name);
    if (row->meta != NULL)
        snprintf(left + n, sizeof left - (size_t)n, " %s", row->meta);
    cf_text_add(&right, "%s", row->help);
    if (row->kind == CF_OPT_CHOICE) {
        const char *between = ": ";
        for (int i = 0; i < CF_CHOICES && row->values[i] != NULL; i++)
            if (row->values[i][0] != '\0') {
                cf_text_add(&right, "%s%s", between, row->values[i]);
                between = ", ";
            }
    }
    if (row->value != NULL && strcmp(row->value, "0") != 0)
        cf_text_add(&right, " [%s]", row->value);
    printf("  %-*s", HELP_COLUMN - 2, left);
    print_wrapped(right.data);
    cf_text_free(&right);
}

static void print_command(int command)
{
    const cf_command_row *c = &cf_commands[command];
    printf("usage: cfmpi %s %s [options]\n\n%s\n\noptions:\n", c->name,
           c->arguments, c->help);
    for (int i = 0; i < cf_option_count; i++)
        if (cf_option_table[i].commands & (1u << command))
            print_row(&cf_option_table[i]);
    fputs(about, stdout);
}

/* Before MPI_Init only the launcher's environment tells the rank. */
static bool is_first_rank(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    rank = rank != NULL ? rank : getenv("PMIX_RANK");
    return rank == NULL || strcmp(rank, "0") == 0;
}

bool cf_options_print_help(int argc, char **argv)
{
    int command = -1;
    bool help = false, version = false;
    for (int i = 1; i < argc; i++) {
        help = help || strcmp(argv[i], "--help") == 0 ||
               strcmp(argv[i], "-h") == 0;
        version = version || strcmp(argv[i], "--version") == 0;
        if (command < 0)
            command = find_command(argv[i]);
    }
    if (!is_first_rank())
        return help || version;
    if (help && command >= 0)
        print_command(command);
    else if (help)
        print_overview(stdout);
    else if (version)
        printf("cfmpi " CF_VERSION "\n");
    return help || version;
}

/* ---- parsing ---- */

static void set_defaults(cf_options *o)
{
    CF_ASSERT(cf_option_count <= CF_OPTIONS_MAX);
    memset(o, 0, sizeof *o);
    o->command = -1;
    for (int i = 0; i < cf_option_count; i++)
        if (cf_option_table[i].value != NULL)
            cf_option_set(o, &cf_option_table[i], "default",
                          cf_option_table[i].value);
}

/* Inputs come one by one; the first from the command line pushes out those of
 * the configuration. */
static int add_input(cf_options *o, const char *value)
{
    size_t have = strlen(o->inputs), n = strlen(value);
    if (n >= sizeof o->input || have + n + 2 > sizeof o->inputs)
        return cf_fail(CF_USAGE,
                       "the names of the inputs are too long; give a folder, "
                       "or a pattern in quotes such as 'part-*.csv'");
    if (n == 0 || strchr(value, '\n') != NULL)
        return cf_fail(CF_USAGE, "input: %s",
                       n == 0 ? "the name is empty" : "a name with a newline");
    snprintf(o->inputs + have, sizeof o->inputs - have, "%s%s",
             have > 0 ? "\n" : "", value);
    if (have == 0)
        snprintf(o->input, sizeof o->input, "%s", value);
    return CF_OK;
}

static void forget_inputs(cf_options *o)
{
    memset(o->input, 0, sizeof o->input);
    memset(o->inputs, 0, sizeof o->inputs);
}

/* Options whose default bends to the input. */
static void note_given(cf_options *o, const cf_option *row)
{
    if (row->offset == offsetof(cf_options, dim))
        o->dim_given = true;
    if (row->offset == offsetof(cf_options, similarity))
        o->similarity_given = true;
    if (row->offset == offsetof(cf_options, neighbors))
        o->neighbors_given = true;
    if (row->offset == offsetof(cf_options, shrinkage))
        o->shrinkage_given = true;
    if (row->offset == offsetof(cf_options, space))
        o->space_given = true;
}

void cf_option_mark(cf_options *o, const cf_option *row)
{
    o->given[row - cf_option_table] = true;
    note_given(o, row);
}

static bool bends(const cf_options *o, const cf_option *row)
{
    return (row->offset == offsetof(cf_options, dim) && !o->dim_given) ||
           (row->offset == offsetof(cf_options, neighbors) &&
            !o->neighbors_given &&
            (o->min_similarity[0] != '\0' || o->max_distance[0] != '\0')) ||
           (row->offset == offsetof(cf_options, shrinkage) &&
            !o->shrinkage_given) ||
           (row->offset == offsetof(cf_options, space) &&
            (o->command == CF_CMD_PREDICT || o->command == CF_CMD_EXPLAIN ||
             o->command == CF_CMD_EVALUATE) &&
            !o->space_given) ||
           (row->offset == offsetof(cf_options, similarity) &&
            (o->command == CF_CMD_NEIGHBORS || o->command == CF_CMD_PREDICT ||
             o->command == CF_CMD_EXPLAIN || o->command == CF_CMD_EVALUATE) &&
            !o->similarity_given);
}

/* By correlations rather than cosines both kinds of rules err less. */
void cf_options_settle_rule(cf_options *o)
{
    bool nearest = (cf_rule_about((enum cf_rule)o->rule)->needs &
                    CF_NEEDS_SIMILARITY) != 0;
    bool embedded = o->space_given && o->space == CF_SPACE_EMBEDDING;
    if (nearest && !o->similarity_given && !embedded)
        o->similarity = CF_CENTERED_COSINE;
}

void cf_options_settle(cf_options *o)
{
    if (o->command == CF_CMD_PREDICT || o->command == CF_CMD_EXPLAIN)
        cf_options_settle_rule(o);
    if (!o->space_given)
        o->space = cf_similarity_of_vectors((enum cf_similarity)o->similarity)
                       ? CF_SPACE_EMBEDDING
                       : CF_SPACE_RATINGS;
}

static int set_key(cf_options *o, const char *where, const char *key,
                   const char *value)
{
    if (strcmp(key, "command") == 0) {
        o->command = find_command(value);
        return o->command >= 0
                   ? CF_OK
                   : cf_fail(CF_USAGE, "%s: there is no command '%s'", where,
                             value);
    }
    if (strcmp(key, "input") == 0)
        return add_input(o, value);
    const cf_option *row = cf_option_find(key);
    if (row == NULL)
        return cf_fail(CF_USAGE,
                       "%s: unknown key '%s'; keys are the long "
                       "options of `cfmpi run --help`",
                       where, key);
    note_given(o, row);
    return cf_option_set(o, row, where, value);
}

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *e = s + strlen(s);
    while (e > s && isspace((unsigned char)e[-1]))
        e--;
    *e = '\0';
    return s;
}

/* The next line without its end; false after the last one, and where there is
 * something else than lines of text, which `status` says. */
static bool next_line(FILE *f, const char *path, int number, char *line,
                      size_t size, int *status)
{
    size_t n = 0;
    int c;
    errno = 0;
    while ((c = getc(f)) != EOF && c != '\n') {
        if (c == '\0' || n + 1 == size) {
            *status = cf_fail(CF_USAGE, "%s:%d: %s", path, number,
                              c == '\0' ? "has a zero byte; expected text"
                                        : "is too long a line");
            return false;
        }
        line[n++] = (char)c;
    }
    line[n] = '\0';
    if (ferror(f))
        *status = cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    return *status == CF_OK && (c != EOF || n > 0);
}

static int read_conf(cf_options *o, const char *path)
{
    char line[CF_PATH_MAX + 128], where[CF_PATH_MAX + 192];
    int status = CF_OK, number = 0;
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    while (status == CF_OK &&
           next_line(f, path, ++number, line, sizeof line, &status)) {
        char *key = trim(line), *equals = strchr(key, '=');
        if (*key == '#' || *key == '\0')
            continue;
        snprintf(where, sizeof where, "%s:%d", path, number);
        if (equals == NULL) {
            status = cf_fail(CF_USAGE, "%s: expected key = value", where);
            break;
        }
        *equals = '\0';
        key = trim(key);
        snprintf(where, sizeof where, "%s:%d: %s", path, number, key);
        status = set_key(o, where, key, trim(equals + 1));
    }
    fclose(f);
    return status;
}

static int unknown_option(const char *argument)
{
    return cf_fail(CF_USAGE, "unknown option '%s'; see `cfmpi --help`",
                   argument);
}

/* The row that an argument names, its value if it is inside ("--dim=5",
 * "-k5") and the name for messages. */
static const cf_option *match_option(const char *argument, const char **value,
                                     char where[80])
{
    const cf_option *row = NULL;
    *value = NULL;
    if (argument[1] == '-') {
        const char *equals = strchr(argument, '=');
        size_t n =
            equals != NULL ? (size_t)(equals - argument) : strlen(argument);
        snprintf(where, 80, "%.*s", (int)CF_MIN(n, 79), argument);
        row = cf_option_find(where + 2);
        *value = equals != NULL ? equals + 1 : NULL;
        return row;
    }
    snprintf(where, 80, "-%c", argument[1]);
    for (int i = 0; i < cf_option_count; i++)
        if (cf_option_table[i].letter == argument[1])
            row = &cf_option_table[i];
    if (argument[1] != '\0' && argument[2] != '\0')
        *value = argument + 2;
    return row;
}

static int parse_option(cf_options *o, int argc, char **argv, int *i)
{
    const char *value;
    char where[80];
    const cf_option *row = match_option(argv[*i], &value, where);
    if (row == NULL)
        return unknown_option(argv[*i]);
    if (row->kind == CF_OPT_FLAG && value == NULL)
        value = "true";
    if (value == NULL && *i + 1 < argc)
        value = argv[++*i];
    if (value == NULL)
        return cf_fail(CF_USAGE, "%s needs a value (%s)", where, row->meta);
    cf_option_mark(o, row);
    return cf_option_set(o, row, where, value);
}

/* Options of the command line must be the command's own; a configuration
 * file may hold those of several commands. */
static int check_given(const cf_options *o)
{
    for (int i = 0; i < cf_option_count; i++)
        if (o->given[i] && !(cf_option_table[i].commands & (1u << o->command)))
            return cf_fail(CF_USAGE, "--%s is not an option of `cfmpi %s`",
                           cf_option_table[i].name,
                           cf_commands[o->command].name);
    return CF_OK;
}

static int parse_arguments(cf_options *o, int argc, char **argv,
                           bool *print_config)
{
    int status = CF_OK, words = 0;
    bool input_given = false;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--config") == 0) {
            i++; /* read before */
        } else if (strncmp(a, "--config=", 9) == 0) {
            continue;
        } else if (strcmp(a, "--print-config") == 0) {
            *print_config = true;
        } else if (a[0] == '-' && a[1] != '\0') {
            CF_TRY(parse_option(o, argc, argv, &i));
        } else if (words++ == 0 && find_command(a) >= 0) {
            o->command = find_command(a);
        } else {
            if (!input_given)
                forget_inputs(o);
            input_given = true;
            CF_TRY(add_input(o, a));
        }
    }
    if (o->command < 0)
        o->command = CF_CMD_RUN;
    status = check_given(o);
done:
    return status;
}

/* A configuration's options of other commands are as if they were not there:
 * steps that commands share ask for options by their values. */
static void forget_other_commands(cf_options *o)
{
    for (int i = 0; i < cf_option_count; i++) {
        const cf_option *row = &cf_option_table[i];
        const char *none = row->kind == CF_OPT_FLAG ? "false" : "";
        if (!(row->commands & (1u << o->command)))
            cf_option_set(o, row, "default",
                          row->value != NULL ? row->value : none);
    }
}

/* Whether the output carries the input's groups on, and may take its place. */
static bool is_carried_on(const cf_options *o)
{
    return cf_commands[o->command].run == cf_cmd_run;
}

/* Files that one run would write over each other, or over what it reads. A
 * result may replace the result file that it was made from, and rows may be
 * queries among themselves. */
static int check_paths(const cf_options *o)
{
    const struct {
        const char *name, *path;
    } file[] = {{"input", o->input},       {"--titles", o->titles},
                {"--pairs", o->pairs},     {"--output", o->output},
                {"--holdout", o->holdout}, {"--report", o->report},
                {"--only", o->only},       {"--queries", o->queries},
                {"--test", o->test},       {"--allow", o->allow},
                {"--exclude", o->exclude}, {"--new", o->new_ratings}};
    const int files = (int)(sizeof file / sizeof *file);
    const char *second = strchr(o->inputs, '\n');
    char input[CF_PATH_MAX];
    for (const char *s = second; s != NULL; s = strchr(s + 1, '\n')) {
        snprintf(input, sizeof input, "%.*s", (int)strcspn(s + 1, "\n"), s + 1);
        if (o->output[0] != '\0' && cf_file_same(input, o->output))
            return cf_fail(CF_USAGE, "%s: is an input and the output",
                           o->output);
    }
    for (int i = 0; i < files; i++)
        for (int j = 0; j < i; j++)
            if (file[i].path[0] != '\0' &&
                cf_file_same(file[i].path, file[j].path) &&
                !(j == 0 && (file[i].path == o->queries ||
                             file[i].path == o->new_ratings ||
                             (file[i].path == o->output && is_carried_on(o)))))
                return cf_fail(CF_USAGE, "%s and %s are the same file, %s",
                               file[j].name, file[i].name, file[i].path);
    return CF_OK;
}

static int check_complete(const cf_options *o)
{
    const cf_command_row *c = &cf_commands[o->command];
    if (c->needs_input && o->input[0] == '\0')
        return cf_fail(CF_USAGE, "no input; usage: cfmpi %s %s", c->name,
                       c->arguments);
    const char *second = strchr(o->inputs, '\n');
    if (second != NULL && !c->many_inputs)
        return cf_fail(CF_USAGE,
                       "'%.*s' is one input too many ('%s' is the input)",
                       (int)strcspn(second + 1, "\n"), second + 1, o->input);
    if (!c->needs_input && o->input[0] != '\0')
        return cf_fail(CF_USAGE,
                       "'%s': %s takes no input; usage: cfmpi %s "
                       "%s",
                       o->input, c->name, c->name, c->arguments);
    if (c->needs_output && o->output[0] == '\0')
        return cf_fail(CF_USAGE,
                       "no output; name one with -o; usage: cfmpi "
                       "%s %s",
                       c->name, c->arguments);
    if (o->command == CF_CMD_PREDICT && o->pairs[0] == '\0')
        return cf_fail(CF_USAGE, "no pairs; usage: cfmpi %s %s", c->name,
                       c->arguments);
    return CF_OK;
}

static void print_config(const cf_options *o)
{
    printf("command = %s\n", cf_commands[o->command].name);
    for (const char *s = o->inputs; *s != '\0';) {
        int n = (int)strcspn(s, "\n");
        printf("input = %.*s\n", n, s);
        s += n + (s[n] == '\n');
    }
    for (int i = 0; i < cf_option_count; i++) {
        const cf_option *row = &cf_option_table[i];
        cf_text value = {0};
        if (!(row->commands & (1u << o->command)))
            continue;
        cf_option_text(o, row, &value);
        /* Read back, it would be given. */
        if (value.length > 0)
            printf("%s%s = %s\n", bends(o, row) ? "# " : "", row->name,
                   value.data);
        cf_text_free(&value);
    }
}

static const char *config_of(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0)
            return i + 1 < argc ? argv[i + 1] : "";
        if (strncmp(argv[i], "--config=", 9) == 0)
            return argv[i] + 9;
    }
    return argc == 1 && access(CONF, F_OK) == 0 ? CONF : NULL;
}

int cf_options_parse(cf_options *o, int argc, char **argv, int *result)
{
    int status = CF_OK;
    bool print = false;
    const char *config = config_of(argc, argv);
    *result = CF_PARSE_RUN;
    set_defaults(o);
    if (config == NULL && argc == 1) {
        print_overview(stderr);
        return cf_fail(CF_USAGE, "no command, and no ./" CONF " here");
    }
    if (config != NULL)
        CF_TRY(read_conf(o, config));
    CF_TRY(parse_arguments(o, argc, argv, &print));
    forget_other_commands(o);
    cf_options_settle(o);
    if (print) {
        print_config(o);
        *result = CF_PARSE_EXIT;
        goto done;
    }
    CF_TRY(check_complete(o));
    CF_TRY(check_paths(o));
done:
    return status;
}

static void json_value(const cf_options *o, const cf_option *row, cf_text *out)
{
    cf_text value = {0};
    bool word = row->kind == CF_OPT_PATH || row->kind == CF_OPT_CHOICE;
    cf_option_text(o, row, &value);
    cf_text_json(out, row->name);
    cf_text_add(out, ": ");
    if (word)
        cf_text_json(out, value.length > 0 ? value.data : "");
    else
        cf_text_add(out, "%s", value.data);
    cf_text_free(&value);
}

bool cf_options_given(const cf_options *o, const char *name)
{
    const cf_option *row = cf_option_find(name);
    CF_ASSERT(row != NULL);
    return o->given[row - cf_option_table];
}

const char *cf_options_any(const cf_options *o, const char *const *names,
                           size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cf_options_given(o, names[i]))
            return names[i];
    return NULL;
}

void cf_options_json(const cf_options *o, cf_text *out)
{
    cf_text_add(
        out, "{\"command\": \"%s\", \"input\": ", cf_commands[o->command].name);
    cf_text_json(out, o->inputs);
    for (int i = 0; i < cf_option_count; i++)
        if (cf_option_table[i].commands & (1u << o->command)) {
            cf_text_add(out, ", ");
            json_value(o, &cf_option_table[i], out);
        }
    cf_text_add(out, "}");
}
