/* The configuration file. What --print-config shows of one is a configuration
 * file itself, and must say the same when it is read. */
#include "fuzz.h"

#include "cfmpi/options.h"

static fuzz_file file, shown;

static void prepare(void)
{
    make_file(&file);
    make_file(&shown);
    HOLDS(dup2(shown.fd, STDOUT_FILENO) >= 0);
}

static int parse(const char *option, cf_options *o, int *result)
{
    char name[] = "cfmpi", config[64], last[32];
    snprintf(config, sizeof config, "--config=%s", file.path);
    snprintf(last, sizeof last, "%s", option != NULL ? option : "");
    char *argv[] = {name, config, last, NULL};
    return cf_options_parse(o, option != NULL ? 3 : 2, argv, result);
}

/* What --print-config says, or NULL: to be freed. */
static char *print_config(void)
{
    cf_options o;
    int result;
    HOLDS(ftruncate(shown.fd, 0) == 0);
    rewind(stdout);
    if (!succeeded(parse("--print-config", &o, &result)))
        return NULL;
    HOLDS(result == CF_PARSE_EXIT);
    long size = ftell(stdout);
    HOLDS(fflush(stdout) == 0 && size >= 0);
    char *text = malloc((size_t)size + 1);
    HOLDS(pread(shown.fd, text, (size_t)size, 0) == size);
    text[size] = '\0';
    return text;
}

static void attempt(const uint8_t *data, size_t size)
{
    cf_options o;
    cf_text json = {0};
    int result = CF_PARSE_RUN;
    fill_file(&file, data, size);
    if (succeeded(parse(NULL, &o, &result))) {
        HOLDS(memchr(data, 0, size) == NULL);
        HOLDS(result == CF_PARSE_RUN);
        cf_options_json(&o, &json);
        cf_text_free(&json);
    }
    char *first = print_config();
    if (first != NULL) {
        fill_file(&file, first, strlen(first));
        char *second = print_config();
        HOLDS(second != NULL && strcmp(first, second) == 0);
        free(second);
    }
    free(first);
}
