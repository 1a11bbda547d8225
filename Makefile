# make            the program, build/cfmpi
# make demo       install what is missing, build, run the main job, show it
# make test       install what is missing, build, run every test
# make check      unit tests only          make lint     style and layers
# make fuzz       the fuzz targets, build-fuzz/NAME; tools/fuzz runs them
# make install PREFIX=/usr/local
# CC=clang, DEBUG=1 (no optimisation), SAN=1 (address and undefined-behaviour
# sanitizers) change the build; each kind keeps a folder of its own.

PREFIX ?= /usr/local
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
KIND := $(if $(SAN),-san)$(if $(DEBUG),-debug)$(if $(filter-out gcc,$(CC)),-$(notdir $(CC)))
B := build$(KIND)
LIBS := ompi-c scalapack-openmpi openblas hdf5-openmpi libxxhash libzip zlib libzstd

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
SAN_FLAGS := -O1 -fsanitize=address,undefined -fno-omit-frame-pointer
OPT := $(if $(SAN),$(SAN_FLAGS),$(if $(DEBUG),-O0,-O3))
# No fused multiply-add unless written: a stored value must not depend on the
# compiler's choice.
CFLAGS += -std=c11 -pthread -g $(OPT) -ffp-contract=off -fno-math-errno $(WARN) -MMD -MP
CPPFLAGS += -Iinclude $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(LIBS) 2>/dev/null))
LDLIBS += $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lm

SRC := $(wildcard src/*/*.c)
OBJ := $(SRC:src/%.c=$(B)/%.o)
LIB_OBJ := $(filter-out $(B)/app/main.o,$(OBJ))
UNITS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))

# Of what a program depends on: headers are not linked.
LINKED = $(filter %.c %.o %.a,$^)

all: $(B)/cfmpi

$(B)/cfmpi: $(B)/app/main.o $(B)/libcfmpi.a
	$(CC) $(CFLAGS) $(LDFLAGS) $(LINKED) $(LDLIBS) -o $@

# Names of what lies elsewhere; so some objects may be called alike.
%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@ar qcsT $@ $^
$(B)/libcfmpi.a: $(LIB_OBJ)

$(B)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(B)/unit/%: tests/unit/%.c $(B)/libcfmpi.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(LDFLAGS) $(LINKED) $(LDLIBS) -o $@

# The same tests with messages cut at 1,000 elements and small blocks of text,
# ratings and rows, so that small data goes through the paths of huge data.
TINY_FLAGS := -DCF_COUNT_MAX=1000 -DCF_ENTRIES_CHUNK=4096 -DCF_TEXT_WINDOW=64 -DCF_TEXT_BLOCK=50 -DCF_VECTORS_BLOCK=400 \
	-DCF_EDGES_ROUND=100 -DCF_PAIRS_CHUNK=100 -DCF_SIDE=64 -DCF_NEAREST_BUDGET=50 \
	-DCF_GATHER_SHARE=1 -DCF_GATHER_LEAST=400 -DCF_APART=0.1 \
	-DCF_TRANSPOSE_ROUND=100 -DCF_DEAL_ROUND=100 -DCF_TRAVEL_ROUND=100 -DCF_DELIVERY_ROUND=1000
TINY_ROOMS := $(B)/parallel/% $(B)/matrix/% $(B)/neighbors/% $(B)/recommend/% $(B)/input/%
TINY := $(filter-out $(TINY_ROOMS),$(LIB_OBJ)) $(patsubst $(B)/%,$(B)/tiny/%,$(filter $(TINY_ROOMS),$(LIB_OBJ)))
$(B)/tiny/libcfmpi.a: $(TINY)
$(B)/tiny/unit/%: tests/unit/%.c $(B)/tiny/libcfmpi.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/unit $(TINY_FLAGS) $(CFLAGS) $(LDFLAGS) $(LINKED) $(LDLIBS) -o $@
$(B)/tiny/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(TINY_FLAGS) $(CFLAGS) -c $< -o $@

# And with tiles of other sizes, large ones up to the largest, on the same data.
SIDES := 1024 4096
SIDE_UNITS := side1024/unit/test_screen $(SIDES:%=side%/unit/test_neighbors)
define SIDE
$(B)/side$(1)/libcfmpi.a: $(filter-out $(B)/neighbors/%,$(LIB_OBJ)) \
		$(patsubst $(B)/%,$(B)/side$(1)/%,$(filter $(B)/neighbors/%,$(LIB_OBJ)))
$(B)/side$(1)/unit/%: tests/unit/%.c $(B)/side$(1)/libcfmpi.a
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) -Itests/unit -DCF_SIDE=$(1) $$(CFLAGS) $$(LDFLAGS) $$(LINKED) $$(LDLIBS) -o $$@
$(B)/side$(1)/%.o: src/%.c Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) -DCF_SIDE=$(1) $$(CFLAGS) -c $$< -o $$@
endef
$(foreach side,$(SIDES),$(eval $(call SIDE,$(side))))

# Fuzz targets, by the libFuzzer of clang. Blocks and messages are small, so
# that small data crosses their borders.
F := build-fuzz
FUZZ_FLAGS := -std=c11 -g -O1 -ffp-contract=off -fno-math-errno $(WARN) -MMD -MP -fno-sanitize-recover=all \
	-DCF_TEXT_WINDOW=64 -DCF_TEXT_BLOCK=50 -DCF_ENTRIES_CHUNK=1024 -DCF_COUNT_MAX=1000 \
	-DCF_VECTORS_BLOCK=64
FUZZERS := $(patsubst tests/fuzz/%.c,$(F)/%,$(wildcard tests/fuzz/*.c))
FUZZ_OBJ := $(LIB_OBJ:$(B)/%=$(F)/%)
$(F)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	clang $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -c $< -o $@
$(F)/libcfmpi.a: $(FUZZ_OBJ)
$(F)/%: tests/fuzz/%.c $(F)/libcfmpi.a
	clang $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined $(LINKED) $(LDLIBS) -o $@
fuzz: $(FUZZERS)

units: $(UNITS:%=$(B)/unit/%) $(UNITS:%=$(B)/tiny/unit/%) \
	$(SIDE_UNITS:%=$(B)/%)

demo:
	@tools/setup demo
	@$(MAKE) --no-print-directory -j all
	@BUILD=$(B) tools/demo

test:
	@tools/setup test
	@$(MAKE) --no-print-directory -j all units fuzz
	@BUILD=$(B) tests/run

check: all units
	@BUILD=$(B) tests/run tests/test_units.py

lint:
	@tools/lint

install: all
	install -D $(B)/cfmpi $(DESTDIR)$(PREFIX)/bin/cfmpi

clean:
	rm -rf build build-*

-include $(OBJ:.o=.d) $(TINY:.o=.d) $(foreach side,$(SIDES),$(patsubst $(B)/%.o,$(B)/side$(side)/%.d,$(filter $(B)/neighbors/%,$(OBJ)))) $(FUZZ_OBJ:.o=.d) $(FUZZERS:=.d)
.PHONY: all units fuzz demo test check lint install clean
.SECONDARY:
