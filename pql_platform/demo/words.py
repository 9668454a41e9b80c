"""Word lists from which names are put together. Nothing but words belongs here."""

GIVEN = (
    "Ada", "Aisha", "Anaïs", "Ben", "Björn", "Carla", "Chen", "Chloé", "Daan", "Devi", "Diego",
    "Elif", "Emma", "Erik", "Fatima", "Felix", "Freya", "Gabriel", "Grace", "Haruto", "Henrik",
    "Inês", "Iris", "Jamal", "João", "Jonas", "Kavya", "Keiko", "Lena", "Leo", "Liam", "Lina",
    "Lucía", "Maya", "Mei", "Mohan", "Nadia", "Nils", "Noah", "Nora", "Olga", "Omar", "Paula",
    "Priya", "Rafael", "Rosa", "Ruth", "Samir", "Sara", "Sofia", "Søren", "Tariq", "Theo",
    "Tomás", "Uma", "Vera", "Wei", "Yara", "Yusuf", "Zoë",
)  # fmt: skip
FAMILY = (
    "Abara", "Ahlberg", "Almeida", "Anders", "Baptiste", "Barros", "Becker", "Bianchi",
    "Brandt", "Byrne", "Carver", "Castillo", "Chandra", "Clarke", "Cohen", "Costa", "Dahl",
    "Delgado", "Dubois", "Eklund", "Fischer", "Fontaine", "Fraser", "Fujita", "García", "Gupta",
    "Haddad", "Hansen", "Hartmann", "Hughes", "Ibrahim", "Ishikawa", "Jansen", "Kapoor",
    "Keller", "Kovács", "Laurent", "Lim", "Lindqvist", "López", "Marsh", "Mendes", "Meyer",
    "Moreau", "Müller", "Nakamura", "Nair", "Novak", "Okafor", "Olsen", "Osei", "Patel",
    "Pereira", "Quinn", "Rao", "Reyes", "Rossi", "Sato", "Schmidt", "Silva", "Singh",
    "Sørensen", "Tanaka", "Torres", "Varga", "Visser", "Walsh", "Weber", "Yamada", "Yilmaz",
    "Zhang", "Ziegler",
)  # fmt: skip
# A company is called by one word of each of three lists: Cedarforge Labs. Their lengths, 57, 40
# and 11, have no common divisor, so that counting through all three at once meets every name.
FIRST = (
    "Amber", "Arbor", "Beacon", "Birch", "Blue", "Bright", "Cedar", "Clear", "Cobalt", "Copper",
    "Coral", "Crane", "Delta", "Elder", "Ember", "Falcon", "Fern", "Flint", "Gable", "Granite",
    "Harbor", "Hazel", "Heron", "Indigo", "Iron", "Ivory", "Juniper", "Kestrel", "Lantern",
    "Laurel", "Linden", "Lumen", "Maple", "Marble", "Meadow", "Nimbus", "North", "Oak", "Onyx",
    "Orchard", "Pebble", "Pine", "Quartz", "Quill", "Raven", "Ridge", "River", "Saffron",
    "Sierra", "Silver", "Sparrow", "Summit", "Thistle", "Umber", "Velvet", "Violet",
    "Willow",
)  # fmt: skip
SECOND = (
    "Anchor", "Arc", "Bay", "Bridge", "Brook", "Cliff", "Craft", "Field", "Forge", "Gate",
    "Grove", "Hill", "Hollow", "House", "Key", "Lane", "Leaf", "Light", "Line", "Loom", "Mark",
    "Mill", "Moor", "Path", "Peak", "Point", "Port", "Reef", "Root", "Sail", "Shore", "Spring",
    "Stone", "Stream", "Trail", "Vale", "View", "Ward", "Wave", "Wood",
)  # fmt: skip
THIRD = (
    "Labs", "Works", "Studio", "Group", "Systems", "Partners", "Foods", "Logistics", "Health",
    "Energy", "Media",
)  # fmt: skip
INDUSTRIES = (
    "software", "manufacturing", "retail", "healthcare", "finance", "education", "media",
    "logistics", "consulting", "energy",
)  # fmt: skip
TITLES = (
    "Product Manager", "Designer", "Engineering Manager", "Operations Lead", "Consultant",
    "Marketing Manager", "Head of Product", "Team Lead", "Project Manager", "Analyst",
)  # fmt: skip
# Invented.
CAMPUSES = (
    "students.alderbrook-state.edu", "students.fernhollow-college.edu", "ridgemoor-tech.edu",
    "mail.lanternhill.edu", "students.harbourfield.ac.uk", "quarrybank-institute.ac.uk",
)  # fmt: skip
