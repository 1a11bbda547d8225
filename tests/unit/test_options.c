#include "test.h"

#include "cfmpi/options.h"

static char folder[FOLDER_MAX];
static cf_options o;

/* Parses the words of a line; an argument with spaces is not needed here. */
static int parse(const char *line, int *result)
{
    char copy[1024], *argv[64], *rest = NULL;
    int argc = 0;
    snprintf(copy, sizeof copy, "cfmpi %s", line);
    for (char *s = strtok_r(copy, " ", &rest); s != NULL;
         s = strtok_r(NULL, " ", &rest))
        argv[argc++] = s;
    argv[argc] = NULL;
    return cf_options_parse(&o, argc, argv, result);
}

static bool runs(const char *line)
{
    int result = -1, status = parse(line, &result);
    bool good = status == CF_OK && result == CF_PARSE_RUN;
    if (!good)
        fprintf(stderr, "  %s: %d, %s\n", line, status, cf_error_message());
    cf_error_clear();
    return good;
}

static bool fails(const char *line, int expected, const char *message)
{
    int result, status = parse(line, &result);
    bool good = status == expected &&
                strstr(cf_error_message(), message) != NULL &&
                strchr(cf_error_message(), '\n') == NULL;
    if (!good)
        fprintf(stderr, "  %s: %d, '%s' not '%s'\n", line, status,
                cf_error_message(), message);
    cf_error_clear();
    return good;
}

/* The echo, in which the command stands by name. */
static bool json_has(const char *part)
{
    cf_text t = {0};
    cf_options_json(&o, &t);
    bool good = t.data[0] == '{' && t.data[t.length - 1] == '}' &&
                strstr(t.data, part) != NULL;
    if (!good)
        fprintf(stderr, "  no %s in %s\n", part, t.data);
    cf_text_free(&t);
    return good;
}

static void test_defaults(void)
{
    CHECK(runs("run r.csv -o out.h5"));
    CHECK(json_has("{\"command\": \"run\", \"input\": \"r.csv\""));
    CHECK(strcmp(o.input, "r.csv") == 0 && strcmp(o.output, "out.h5") == 0);
    CHECK(o.dim == 128 && !o.dim_given && same_number(o.tol, 1e-3));
    CHECK(o.neighbors == 50 && o.top == 10 && o.side == CF_SIDE_USERS);
    CHECK(o.threads == 1 && o.seed == 1 && o.memory_limit == 0);
    CHECK(!o.force && !o.quiet && !o.verbose && o.progress == 0);
    CHECK(o.format == 0 && o.duplicates == 0 && o.on_bad_row == 0);
    CHECK(o.report[0] == '\0' && o.titles[0] == '\0');
}

static void test_forms(void)
{
    CHECK(runs("svd r.csv -oout.h5 --dim 64 --tol=1e-6 --force -q"));
    CHECK(json_has("{\"command\": \"svd\""));
    CHECK(strcmp(o.output, "out.h5") == 0 && o.dim == 64 && o.dim_given &&
          o.force && o.quiet);
    CHECK(same_number(o.tol, 1e-6));
    CHECK(runs("-k7 -n 3 --side=both run --output=x.h5 r.csv")); /* any order */
    CHECK(o.neighbors == 7 && o.top == 3 && o.side == CF_SIDE_BOTH);
    CHECK(runs("r.csv -o out.h5")); /* means run */
    CHECK(json_has("{\"command\": \"run\""));
    CHECK(runs("run - -o out.h5") && strcmp(o.input, "-") == 0);
    CHECK(runs("run r.csv -o out.h5 --force=false --verbose=yes"));
    CHECK(!o.force && o.verbose);
    CHECK(runs("run r.csv -o out.h5 --memory-limit 2G --seed 9"));
    CHECK(o.memory_limit == (int64_t)2 << 30 && o.seed == 9);
    CHECK(runs("neighbors e.h5 -o n.h5 --side items") &&
          o.side == CF_SIDE_ITEMS);
    CHECK(runs("run r.csv -o out.h5 --dim 5 --dim 6") && o.dim == 6); /* last */
    CHECK(runs(
        "synth --users 5 --items 6 --ratings 7 -o r.csv --holdout-share 0.25"));
    CHECK(o.users == 5 && o.items == 6 && o.ratings == 7 && o.input[0] == '\0');
    CHECK(same_number(o.holdout_share, 0.25));
    CHECK(runs("info r.h5 --user 1,2,3") && strcmp(o.user, "1,2,3") == 0);
    CHECK(runs("predict r.h5 --pairs p.csv") && strcmp(o.pairs, "p.csv") == 0);
    CHECK(runs("export r.h5 --part neighbors") && o.part == CF_PART_NEIGHBORS);
    CHECK(runs("verify r.h5 --sample 3") && o.sample == 3);
    CHECK(
        runs("ingest r.csv -o m.h5 --format dat --duplicates mean --on-bad-row "
             "skip"));
    CHECK(json_has("\"format\": \"dat\"") &&
          json_has("\"duplicates\": \"mean\""));
    CHECK(json_has("\"on-bad-row\": \"skip\""));
}

static void test_usage_errors(void)
{
    static const char *const lines[][2] = {
        {"run r.csv -o x --bogus 3", "--bogus"},
        {"run r.csv -o x --bogus=3", "--bogus"},
        {"run r.csv -o x -z", "-z"},
        {"run r.csv", "output"},
        {"run -o x", "no input"},
        {"verify a.h5 b.h5", "b.h5"},
        {"synth r.csv -o x", "takes no input"},
        {"predict r.h5", "pairs"},
        {"run r.csv -o", "-o needs a value"},
        {"run r.csv -o x --dim", "--dim needs a value"},
        {"run r.csv -o x --dim 0", "--dim"},
        {"run r.csv -o x --dim -5", "--dim"},
        {"run r.csv -o x --dim 1.5", "'1.5'"},
        {"run r.csv -o x --dim ten", "'ten'"},
        {"run r.csv -o x --dim=", "--dim"},
        {"run r.csv -o x --dim 99999999999999999999", "--dim"},
        {"run r.csv -o x --tol 0", "--tol"},
        {"run r.csv -o x --tol nan", "'nan'"},
        {"run r.csv -o x --tol 2", "--tol"},
        {"run r.csv -o x -k 0", "-k"},
        {"run r.csv -o x -n -1", "-n"},
        {"run r.csv -o x --threads 0", "--threads"},
        {"run r.csv -o x --seed -1", "--seed"},
        {"run r.csv -o x --memory-limit lots", "'lots'"},
        {"run r.csv -o x --side nobody", "users, items, both"},
        {"run r.csv -o x --side=", "--side"},
        {"run r.csv -o x --duplicates most", "error, last, first, mean, sum"},
        {"run r.csv -o x --force=maybe", "'maybe'"},
        {"ingest r.csv -o x --dim 5",
         "--dim is not an option of `cfmpi ingest`"},
        {"--dim 5 ingest r.csv -o x", "ingest"},
        {"recommend r.h5 -o x --pairs p.csv", "--pairs"},
        {"--users 5 r.csv -o x", "run"},
        {"synth -o x --holdout-share 1.5", "--holdout-share"},
    };
    for (int i = 0; i < COUNT(lines); i++)
        CHECK(fails(lines[i][0], CF_USAGE, lines[i][1]));
}

static void test_long_values(void)
{
    char line[CF_PATH_MAX + 200],
        *argv[] = {"cfmpi", "run", line, "-o", "x", NULL};
    int result;
    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    CHECK(cf_options_parse(&o, 5, argv, &result) == CF_USAGE);
    CHECK(strstr(cf_error_message(), "too long") != NULL);
    cf_error_clear();
    argv[2] = "r.csv";
    argv[4] = line;
    CHECK(cf_options_parse(&o, 5, argv, &result) == CF_USAGE);
    CHECK(strstr(cf_error_message(), "longer") != NULL);
    cf_error_clear();
    line[CF_PATH_MAX - 1] = '\0'; /* just fits */
    CHECK(cf_options_parse(&o, 5, argv, &result) == CF_OK);
    CHECK(strlen(o.output) == CF_PATH_MAX - 1);
}

/* ---- configuration files; all on rank 0 ---- */

static void write_conf(const char *text)
{
    FILE *f = fopen("cfmpi.conf", "w");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void test_config(void)
{
    write_conf(
        "# the job\n\n  command = svd  \ninput=r.csv\n\toutput = a b.h5\n"
        "dim = 32\n"
        "force = true\nside = items\r\nmemory-limit = 1M\n");
    CHECK(runs("")); /* read without being asked for */
    CHECK(json_has("{\"command\": \"svd\", \"input\": \"r.csv\""));
    CHECK(strcmp(o.output, "a b.h5") == 0 && o.dim == 32 && o.dim_given &&
          o.force);
    CHECK(o.memory_limit == 1 << 20);
    CHECK(o.side == CF_SIDE_USERS); /* no option of svd: as if not there */
    /* The command line comes before the file, wherever it names it. */
    CHECK(runs("--dim 8 --config cfmpi.conf other.csv --force=no"));
    CHECK(o.dim == 8 && strcmp(o.input, "other.csv") == 0 && !o.force);
    CHECK(json_has("{\"command\": \"svd\""));
    CHECK(runs("run --config=cfmpi.conf --top 3"));
    CHECK(json_has("{\"command\": \"run\"") && o.top == 3 && o.dim == 32);
    CHECK(o.side == CF_SIDE_ITEMS);
    CHECK(runs("--top 3 run --config=cfmpi.conf")); /* any order here too */
    CHECK(json_has("{\"command\": \"run\"") && o.top == 3);
    /* With arguments, only when it is asked for. */
    CHECK(runs("run r.csv -o x") && o.dim == 128 && !o.dim_given);
    CHECK(!o.similarity_given);
    write_conf("similarity = dot\n");
    CHECK(runs("run r.csv -o x --config cfmpi.conf") && o.similarity_given);
    CHECK(runs("run r.csv -o x --similarity=cosine") && o.similarity_given);
}

static void check_bad_config(const char *text, const char *message)
{
    write_conf(text);
    CHECK(fails("--config cfmpi.conf", CF_USAGE, message));
}

static void test_bad_config(void)
{
    check_bad_config("input = r.csv\noutput = x\nbogus = 3\n",
                     "cfmpi.conf:3: bogus");
    check_bad_config("input = r.csv\n\n# x\ndim = many\n",
                     "cfmpi.conf:4: dim: 'many'");
    check_bad_config("input = r.csv\noutput\n",
                     "cfmpi.conf:2: expected key = value");
    check_bad_config("command = dance\n",
                     "cfmpi.conf:1: command: there is no command 'dance'");
    check_bad_config("input = r.csv\n", "output");
    check_bad_config("", "no input");
    check_bad_config("input = r.csv\ninput =\n", "the name is empty");
    CHECK(fails("--config nowhere.conf", CF_NO_INPUT, "nowhere.conf"));
    CHECK(fails("--config .", CF_NO_INPUT, "directory"));
    char wide[2 * CF_PATH_MAX];
    memset(wide, '#', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    memcpy(wide, "dim = 3\n", 8);
    check_bad_config(wide, "cfmpi.conf:2: is too long");
    CHECK(unlink("cfmpi.conf") == 0);
    CHECK(fails("--config", CF_NO_INPUT, ""));
}

/* What --print-config prints, read as a configuration, gives the same. */
static void test_print_config(void)
{
    int result = -1, saved = dup(1);
    fflush(stdout);
    CHECK(freopen("printed.conf", "w", stdout) != NULL);
    CHECK(
        parse("svd r.csv -o x.h5 --dim 7 --tol 1e-5 --force --duplicates mean "
              "--print-config",
              &result) == CF_OK);
    fflush(stdout);
    dup2(saved, 1);
    close(saved);
    CHECK(result == CF_PARSE_EXIT);
    cf_options asked = o;
    CHECK(runs("--config printed.conf"));
    /* A file gives nothing on the command line. */
    memcpy(o.given, asked.given, sizeof o.given);
    CHECK(memcmp(&asked, &o, sizeof o) == 0);
    CHECK(fails("", CF_USAGE, "cfmpi.conf"));
}

static void test_help(void)
{
    char *no[] = {"cfmpi", "run", "r.csv", NULL},
         *version[] = {"cfmpi", "--version", NULL};
    char *command[] = {"cfmpi", "svd", "--help", NULL},
         *all[] = {"cfmpi", "-h", NULL};
    int saved = dup(1);
    fflush(stdout);
    CHECK(freopen("printed.txt", "w", stdout) != NULL);
    CHECK(!cf_options_print_help(3, no));
    CHECK(cf_options_print_help(2, version));
    CHECK(cf_options_print_help(3, command));
    CHECK(cf_options_print_help(2, all));
    fflush(stdout);
    dup2(saved, 1);
    close(saved);
    FILE *f = fopen("printed.txt", "r");
    char text[16384];
    size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    CHECK(f != NULL && fclose(f) == 0);
    CHECK(strncmp(text, "cfmpi ", 6) == 0 &&
          strstr(text, "usage: cfmpi svd") != NULL);
    CHECK(strstr(text, "--dim R") != NULL && strstr(text, "[128]") != NULL);
    CHECK(strstr(text, "--top") == NULL); /* no option of svd */
}

static void test_json(void)
{
    CHECK(runs("run a\"b\\c.csv -o x.h5 --seed 8999999999999999"));
    CHECK(json_has("\"input\": \"a\\\"b\\\\c.csv\""));
    CHECK(json_has("\"seed\": 8999999999999999"));
    CHECK(json_has("\"dim\": 128") && json_has("\"force\": false"));
    CHECK(json_has("\"tol\": 0.001") && json_has("\"side\": \"users\""));
    CHECK(json_has("\"titles\": \"\""));
}

static void run_tests(void)
{
    make_folder(folder);
    if (world.rank == 0) {
        CHECK(chdir(folder) == 0);
        test_defaults();
        test_forms();
        test_usage_errors();
        test_long_values();
        test_config();
        test_bad_config();
        test_print_config();
        test_help();
        test_json();
        CHECK(chdir("/") == 0);
    }
    remove_folder(folder);
}
