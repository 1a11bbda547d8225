/* Titles in which a reader recognises the taste group at a glance: a noun
 * that only this group has, a word before it and, once those pairs are used
 * up, one after it, then a number. */
#include "internal.h"

#define BEFORE 16
#define NOUNS 24
#define AFTER 12
#define PAIRS (BEFORE * NOUNS)
/* Coprime to PAIRS, so that neighbours in the list look different. */
#define STRIDE 151

static const struct {
    const char *name;
    const char *before[BEFORE];
    const char *nouns[NOUNS];
    const char *after[AFTER]; /* the first is empty */
} groups[CF_SYNTH_GROUPS] = {
    {"Heist",
     {"Midnight", "The Perfect", "Stolen", "The Last", "Slow, Quiet", "Double",
      "The Million-Dollar", "Rainy-Day", "The Other", "Borrowed", "The Clumsy",
      "Unlucky", "The Gentleman's", "Five-Minute", "The Forger's", "Inside"},
     {"Vault",          "Getaway",       "Bank Job",       "Diamond Robbery",
      "Safecracker",    "Casino Job",    "Heist",          "Jewel Thief",
      "Ransom",         "Master Key",    "Museum Robbery", "Armoured Car",
      "Pickpocket",     "Loot",          "Burglar",        "Con Artist",
      "Hold-Up",        "Train Robbery", "Alarm Code",     "Swindle",
      "Getaway Driver", "Counterfeit",   "Smuggler",       "Art Thief"},
     {"", " of Monaco", " on Fifth Avenue", " in Broad Daylight",
      " at the Ritz", " of Zurich", " by Night", " for Beginners",
      " with a Twist", " in Las Vegas", " of the Century", " in Three Acts"}},
    {"Space Opera",
     {"Beyond the", "The Lost", "Dark, Distant", "Crimson", "The Silent",
      "Return of the", "Voyage of the", "Empire of the", "The Last",
      "Children of the", "The Frozen", "Rebels of the", "Shattered",
      "The Eternal", "Signal from the", "Eclipse of the"},
     {"Starship",   "Galaxy",       "Nebula",      "Wormhole",
      "Asteroid",   "Star Fleet",   "Moon Colony", "Supernova",
      "Androids",   "Hyperdrive",   "Red Planet",  "Space Station",
      "Comet",      "Star Cruiser", "Alien Moon",  "Pulsar",
      "Black Hole", "Warp Gate",    "Cosmonaut",   "Martian Legion",
      "Star Queen", "Quasar",       "Twin Suns",   "Space Pirates"},
     {"", " of Orion", " of Andromeda", " at the Edge of Time", " Rising",
      " of Titan", " in the Void", " of Vega", " Reborn", " of Centauri",
      " at Lightspeed", " of the Ninth Sector"}},
    {"Baking Contest",
     {"The Great", "Sweet", "Burnt", "Warm, Buttery", "Grandma's", "The Royal",
      "Battle of the", "Golden", "The Village", "Perfect", "The Secret",
      "Sunday", "The Winning", "A Slice of", "The Runaway", "Simply"},
     {"Cupcake",     "Sourdough",      "Meringue",      "Croissant",
      "Apple Pie",   "Chocolate Cake", "Cinnamon Roll", "Cheesecake",
      "Macaroon",    "Bake-Off",       "Shortbread",    "Gingerbread",
      "Eclair",      "Brioche",        "Strudel",       "Muffin",
      "Profiterole", "Lemon Tart",     "Sponge Cake",   "Doughnut",
      "Baguette",    "Brownie",        "Pastry Chef",   "Rolling Pin"},
     {"", " Championship", " Finals", " with Sprinkles", " Junior",
      " against the Clock", " of Vienna", " All Stars", " at Christmas",
      " Showdown", " Masterclass", " and Cream"}},
    {"Haunted House",
     {"The Whispering", "Night of the", "Cold, Empty", "Curse of the",
      "The Screaming", "Beneath the", "The Locked", "Shadow of the",
      "Don't Open the", "The Crooked", "Blood in the", "Return to the",
      "The Forgotten", "Behind the", "Alone in the", "The Rotten"},
     {"Attic",     "Cellar",    "Ghost",     "Crypt",     "Poltergeist",
      "Mansion",   "Seance",    "Graveyard", "Phantom",   "Haunted Doll",
      "Mirror",    "Staircase", "Witch",     "Scarecrow", "Asylum",
      "Skeleton",  "Coffin",    "Manor",     "Vampire",   "Nursery",
      "Tombstone", "Werewolf",  "Banshee",   "Demon"},
     {"", " of Ravenwood", " at Midnight", " on Elm Hill", " Awakens",
      " of Blackmoor", " Next Door", " in the Fog", " of Doctor Grimm",
      " on Friday", " of No Return", " That Breathes"}},
    {"Western",
     {"The Dusty", "Ride to the", "Long, Lonesome", "The Fastest",
      "Guns of the", "Six Bullets for the", "The Nameless", "Showdown at the",
      "Ballad of the", "The Wild", "High Noon at the", "Ambush at the",
      "The Bitter", "Revenge of the", "The Honest", "Law of the"},
     {"Sheriff",      "Saloon",        "Canyon",      "Outlaw",    "Stagecoach",
      "Gunslinger",   "Bounty Hunter", "Ranch",       "Mustang",   "Prairie",
      "Gold Mine",    "Cowboy",        "Rattlesnake", "Marshal",   "Rodeo",
      "Cattle Drive", "Lasso",         "Posse",       "Homestead", "Frontier",
      "Tumbleweed",   "Desperado",     "Corral",      "Mesa"},
     {"", " of Laredo", " at Dawn", " of Dodge City", " West of Abilene",
      " of Tombstone", " on the Rio Grande", " of El Paso", " without a Name",
      " of Red Gulch", " beyond Cheyenne", " of Yuma"}},
    {"Ocean Life",
     {"Song of the", "Secrets of the", "Deep, Blue", "The Hidden",
      "Planet of the", "Among the", "The Patient", "Journey of the",
      "The Curious", "A Year with the", "Kingdom of the", "The Vanishing",
      "Meet the", "Tales of the", "The Gentle", "Farewell to the"},
     {"Whales",       "Coral Reef", "Octopus",    "Sea Turtles", "Dolphins",
      "Penguins",     "Jellyfish",  "Manta Rays", "Seahorses",   "Sharks",
      "Kelp Forest",  "Otters",     "Sea Lions",  "Plankton",    "Lobsters",
      "Tide Pools",   "Narwhals",   "Anglerfish", "Albatross",   "Krill",
      "Sea Anemones", "Cuttlefish", "Salmon",     "Starfish"},
     {"", " of the Pacific", " under the Ice", " of Patagonia", " by Moonlight",
      " of the Arctic", " in Winter", " of the Azores", " off Tasmania",
      " of the Galapagos", " in the Twilight Zone", " of the Barents Sea"}},
    {"Courtroom Drama",
     {"The Reluctant", "Reasonable", "Cold, Hard", "The Final", "Burden of the",
      "The Silenced", "Trial of the", "The Missing", "In Defence of the",
      "The Hostile", "Beyond the", "The Twelfth", "Against the", "The Borrowed",
      "The Public", "The Sealed"},
     {"Verdict",
      "Juror",
      "Witness",
      "Alibi",
      "Testimony",
      "Prosecutor",
      "Jury",
      "Appeal",
      "Evidence",
      "Judge",
      "Acquittal",
      "Objection",
      "Plea Bargain",
      "Attorney",
      "Defendant",
      "Affidavit",
      "Cross-Examination",
      "Courtroom",
      "Motive",
      "Perjury",
      "Subpoena",
      "Closing Argument",
      "Bailiff",
      "Sentence"},
     {"", " of Boston", " on Appeal", " under Oath", " in Chambers",
      " of Judge Harlow", " of the Old Bailey", " in Contempt", " on Trial",
      " without Mercy", " of Cook County", " behind Closed Doors"}},
    {"Wedding Comedy",
     {"Four Aunts and a", "My Ex's", "Big, Loud", "The Accidental",
      "Always the", "Runaway", "The Wrong", "Three Weeks to the", "Mother's",
      "Crashing the", "The Reluctant", "Saving the", "Kiss the", "The Beach",
      "Goodbye to the", "Almost a"},
     {"Wedding",         "Bride",          "Bridesmaid",   "Best Man",
      "Honeymoon",       "Bouquet",        "Groom",        "Engagement Ring",
      "Wedding Planner", "Wedding Cake",   "Proposal",     "Mother-in-Law",
      "First Dance",     "Bachelor Party", "Flower Girl",  "Guest List",
      "Wedding Dress",   "Fiance",         "Seating Plan", "Toast",
      "Elopement",       "Chapel",         "Newlyweds",    "Wedding Singer"},
     {"", " in Tuscany", " by Mistake", " in Paris", " on a Budget",
      " of the Year", " Next Summer", " in Seville", " Revisited",
      " and the Goat", " in the Rain", " at the Lake"}},
};

const char *cf_synth_group_name(int group)
{
    return groups[group].name;
}

/* More recent years are more frequent. */
static int year_of(const cf_synth *s, int64_t item)
{
    double u = cf_random_uniform(
        s->shape.seed, cf_synth_stream(CF_SYNTH_YEAR, 0), (uint64_t)item);
    return 2019 - (int)(80.0 * u * u);
}

void cf_synth_title(const cf_synth *s, int64_t item, cf_text *out)
{
    int group = s->group[item - 1];
    int64_t place = s->place[item - 1];
    int64_t pair = place % PAIRS * STRIDE % PAIRS, round = place / PAIRS;
    cf_text_add(out, "%s %s%s", groups[group].before[pair % BEFORE],
                groups[group].nouns[pair / BEFORE],
                groups[group].after[round % AFTER]);
    if (round >= AFTER)
        cf_text_add(out, " %" PRId64, round / AFTER + 1);
    cf_text_add(out, " (%d)", year_of(s, item));
}
