//! Names of companies as there are, in several scripts. The same seed gives the same names.

/// A small generator of numbers; what it gives depends on its seed alone.
pub struct Numbers(u64);

impl Numbers {
    /// Numbers of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    /// One of these.
    pub fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const FAMILIES: &[&str] = &[
    "Müller",
    "Schmidt",
    "Weiß",
    "Nguyen",
    "García",
    "Fernández",
    "Rossi",
    "Bianchi",
    "Kowalski",
    "Nowak",
    "Novák",
    "Horváth",
    "Jensen",
    "Lindström",
    "Åkesson",
    "Öztürk",
    "Yılmaz",
    "O'Brien",
    "Smith",
    "Johnson",
    "Dubois",
    "Lefèvre",
    "Çelik",
    "Popescu",
    "Janssen",
    "de Vries",
    "Silva",
    "Gonçalves",
    "Tremblay",
    "MacLeod",
    "Adebayo",
    "Okafor",
    "Mbeki",
    "Patel",
    "Singh",
    "Tanaka",
];
const TRADES: &[&str] = &[
    "Logistics",
    "Software",
    "Maschinenbau",
    "Elektrotechnik",
    "Consulting",
    "Foods",
    "Bäckerei",
    "Textiles",
    "Energy",
    "Solar",
    "Pharma",
    "Medical",
    "Insurance",
    "Bank",
    "Transport",
    "Spedition",
    "Bau",
    "Immobilien",
    "Design",
    "Media",
    "Telecom",
    "Networks",
    "Robotics",
    "Chemicals",
    "Steel",
    "Glas",
    "Papier",
    "Druck",
    "Motors",
    "Aviation",
    "Marine",
    "Farms",
];
const FORMS: &[&str] =
    &["GmbH", "AG", "Ltd.", "Inc.", "LLC", "S.A.", "S.p.A.", "B.V.", "AB", "Oy", "Sp. z o.o.", "& Co. KG", ""];
const CYRILLIC: &[&str] =
    &["Строй", "Энерго", "Газ", "Нефть", "Авто", "Сервис", "Торг", "Пром", "Агро", "Мед", "Транс", "Связь"];
const CITIES: &[&str] = &["Москва", "Казань", "Київ", "София", "Новосибирск", "Самара", "Одеса", "Минск"];
const HAN: &[&str] = &[
    "東京",
    "大阪",
    "京都",
    "北京",
    "上海",
    "深圳",
    "電力",
    "工業",
    "商事",
    "物産",
    "建設",
    "銀行",
    "製薬",
    "自動車",
    "鉄道",
    "食品",
    "科技",
    "集团",
    "贸易",
    "重工",
    "化学",
    "精密",
    "通信",
    "半導体",
    "不動産",
    "水産",
    "運輸",
    "電機",
];
const GREEK: &[&str] = &["Ελληνικά", "Ναυτιλία", "Τρόφιμα", "Ενέργεια", "Σίσυφος", "Αιγαίο", "Κρήτη", "Τράπεζα"];
const ARABIC: &[&str] = &["شركة", "النور", "للتجارة", "الخليج", "للبناء", "القاهرة", "للطاقة", "العربية"];

/// The name of the tenant with that number.
pub fn name(numbers: &mut Numbers, number: usize) -> String {
    match numbers.below(20) {
        0..=12 => {
            let (family, trade, form) = (numbers.one_of(FAMILIES), numbers.one_of(TRADES), numbers.one_of(FORMS));
            format!("{family} {trade} {form} {number}").trim().to_owned()
        }
        13..=15 => {
            let parts = (numbers.one_of(CITIES), numbers.one_of(CYRILLIC), numbers.one_of(CYRILLIC));
            format!("{} {}{} {number}", parts.0, parts.1, parts.2.to_lowercase())
        }
        16..=17 => {
            format!(
                "{}{}{}{number}",
                numbers.one_of(HAN),
                numbers.one_of(HAN),
                numbers.one_of(&["株式会社", "有限公司", ""])
            )
        }
        18 => format!("{} {} {number}", numbers.one_of(GREEK), numbers.one_of(GREEK)),
        _ => format!("{} {} {number}", numbers.one_of(ARABIC), numbers.one_of(ARABIC)),
    }
}
