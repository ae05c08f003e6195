//! The emoji set: Twemoji pictures (72 px, CC BY 4.0, out of the `twemoji-assets` crate) with Unicode's names and groups.
//!
//! `emoji` is all of them; `emoji:smileys`, `emoji:animals+food` are groups; `emoji:face-smiling` a subgroup of
//! Unicode's `emoji-test.txt`; `emoji:faces` all subgroups of plain faces. `+tones` adds the skin tones.

use emojis::{Emoji, Group, SkinTone};
use twemoji_assets::png::PngTwemojiAsset;

use super::decode::decode_bytes;
use super::source::{ImageSource, Opening};
use crate::base::{Picture, Problem, Result};

/// First emoji of each subgroup, in Unicode's order: where a subgroup begins, the one before ends.
#[rustfmt::skip]
const SUBGROUPS: &[(&str, &str)] = &[
    ("😀", "face-smiling"), ("🥰", "face-affection"), ("😋", "face-tongue"), ("🤗", "face-hand"),
    ("🤐", "face-neutral-skeptical"), ("😌", "face-sleepy"), ("😷", "face-unwell"), ("🤠", "face-hat"),
    ("😎", "face-glasses"), ("😕", "face-concerned"), ("😤", "face-negative"), ("💩", "face-costume"),
    ("😺", "cat-face"), ("🙈", "monkey-face"), ("💌", "heart"), ("💋", "emotion"),
    ("👋", "hand-fingers-open"), ("👌", "hand-fingers-partial"), ("👈", "hand-single-finger"),
    ("👍", "hand-fingers-closed"), ("👏", "hands"), ("✍", "hand-prop"), ("💪", "body-parts"), ("👶", "person"),
    ("🙍", "person-gesture"), ("🧑‍⚕", "person-role"), ("👼", "person-fantasy"), ("💆", "person-activity"),
    ("🤺", "person-sport"), ("🛀", "person-resting"), ("🧑‍🤝‍🧑", "family"), ("🗣", "person-symbol"),
    ("🐵", "animal-mammal"), ("🦃", "animal-bird"), ("🐸", "animal-amphibian"), ("🐊", "animal-reptile"),
    ("🐳", "animal-marine"), ("🐌", "animal-bug"), ("💐", "plant-flower"), ("🌱", "plant-other"),
    ("🍇", "food-fruit"), ("🥑", "food-vegetable"), ("🍞", "food-prepared"), ("🍱", "food-asian"), ("🍦", "food-sweet"),
    ("🍼", "drink"), ("🥢", "dishware"),
    ("🌍", "place-map"), ("🏔", "place-geographic"), ("🏟", "place-building"), ("⛪", "place-religious"),
    ("⛲", "place-other"), ("🚂", "transport-ground"), ("⚓", "transport-water"), ("✈", "transport-air"),
    ("🛎", "hotel"), ("⌛", "time"), ("🌑", "sky-weather"),
    ("🎃", "event"), ("🎖", "award-medal"), ("⚽", "sport"), ("🎯", "game"), ("🎭", "arts-crafts"),
    ("👓", "clothing"), ("🔇", "sound"), ("🎼", "music"), ("🎷", "musical-instrument"), ("📱", "phone"),
    ("🔋", "computer"), ("🎥", "light-video"), ("📔", "book-paper"), ("🪙", "money"), ("✉", "mail"), ("✏", "writing"),
    ("💼", "office"), ("🔒", "lock"), ("🔨", "tool"), ("⚗", "science"), ("💉", "medical"), ("🚪", "household"),
    ("🚬", "other-object"),
    ("🏧", "transport-sign"), ("⚠", "warning"), ("⬆", "arrow"), ("🛐", "religion"), ("♈", "zodiac"),
    ("🔀", "av-symbol"), ("♀", "gender"), ("✖", "math"), ("‼", "punctuation"), ("💱", "currency"),
    ("⚕", "other-symbol"), ("#\u{20e3}", "keycap"), ("🔠", "alphanum"), ("🔴", "geometric"),
    ("🏁", "flag"), ("🇦🇨", "country-flag"), ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "subdivision-flag"),
];

/// Short names of Unicode's groups.
const GROUPS: &[(Group, &str)] = &[
    (Group::SmileysAndEmotion, "smileys"),
    (Group::PeopleAndBody, "people"),
    (Group::AnimalsAndNature, "animals"),
    (Group::FoodAndDrink, "food"),
    (Group::TravelAndPlaces, "travel"),
    (Group::Activities, "activities"),
    (Group::Objects, "objects"),
    (Group::Symbols, "symbols"),
    (Group::Flags, "flags"),
];

/// Subgroups that `faces` stands for: yellow faces, without costumes, cats and monkeys.
const FACES: &[&str] = &[
    "face-smiling",
    "face-affection",
    "face-tongue",
    "face-hand",
    "face-neutral-skeptical",
    "face-sleepy",
    "face-unwell",
    "face-hat",
    "face-glasses",
    "face-concerned",
    "face-negative",
];

/// The chosen emoji.
struct EmojiSet {
    items: Vec<Item>,
    labels: Vec<String>,
    fingerprint: String,
}

struct Item {
    emoji: &'static Emoji,
    png: &'static [u8],
    label: u32,
}

/// Whether the text names the emoji set.
pub(super) fn sniff(spec: &str) -> bool {
    spec == "emoji" || spec.starts_with("emoji:")
}

/// Opens the set or a part of it.
pub(super) fn open(spec: &str, _: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let parts = spec.strip_prefix("emoji").and_then(|s| s.strip_prefix(':')).unwrap_or_default();
    let (mut chosen, mut tones) = (Vec::new(), false);
    for part in parts.split('+').map(str::trim).filter(|p| !p.is_empty() && *p != "all") {
        let is_group = GROUPS.iter().any(|g| g.1 == part);
        match part {
            "tones" => tones = true,
            "faces" => chosen.extend(FACES.iter().copied()),
            _ if is_group || SUBGROUPS.iter().any(|s| s.1 == part) => chosen.push(part),
            _ => {
                let groups: Vec<_> = GROUPS.iter().map(|g| g.1).collect();
                let subgroups: Vec<_> = SUBGROUPS.iter().map(|s| s.1).collect();
                return Err(Problem::usage("There is no such part of the emoji set").of(spec).try_this(format!(
                    "Choose `faces`, {}; or {}",
                    groups.join(", "),
                    subgroups.join(", ")
                )));
            }
        }
    }
    let mut items: Vec<(Item, &str, &str)> = Vec::new();
    let mut subgroup = SUBGROUPS[0].1;
    let mut next = 0;
    for emoji in emojis::iter() {
        let bare = emoji.as_str().replace('\u{fe0f}', "");
        if SUBGROUPS.get(next).is_some_and(|s| s.0 == bare) {
            subgroup = SUBGROUPS[next].1;
            next += 1;
        }
        let group = GROUPS.iter().find(|g| g.0 == emoji.group()).map_or("", |g| g.1);
        if !chosen.is_empty() && !chosen.contains(&group) && !chosen.contains(&subgroup) {
            continue;
        }
        let mut take = |emoji: &'static Emoji| {
            if let Some(png) = picture_of(emoji) {
                items.push((Item { emoji, png, label: 0 }, group, subgroup));
            }
        };
        take(emoji);
        let variants = emoji.skin_tones().filter(|_| tones).into_iter().flatten();
        variants.filter(|e| e.skin_tone() != Some(SkinTone::Default) && e.as_str() != emoji.as_str()).for_each(take);
    }
    // The whole set is labelled by group, a part of it by subgroup.
    let label_of = |item: &(Item, &'static str, &'static str)| if chosen.is_empty() { item.1 } else { item.2 };
    let mut labels: Vec<String> = Vec::new();
    let mut hasher = blake3::Hasher::new();
    let mut done = Vec::with_capacity(items.len());
    for item in items {
        let name = label_of(&item);
        let place = labels.iter().position(|l| l == name).unwrap_or_else(|| {
            labels.push(name.to_owned());
            labels.len() - 1
        });
        hasher.update(item.0.emoji.as_str().as_bytes());
        hasher.update(item.0.png);
        done.push(Item { label: place as u32, ..item.0 });
    }
    labels.iter().for_each(|l| {
        hasher.update(l.as_bytes());
    });
    Ok(Box::new(EmojiSet { items: done, labels, fingerprint: hasher.finalize().to_hex().to_string() }))
}

/// Twemoji leaves out the variation selector in some names.
fn picture_of(emoji: &Emoji) -> Option<&'static [u8]> {
    let text = emoji.as_str();
    let asset =
        PngTwemojiAsset::from_emoji(text).or_else(|| PngTwemojiAsset::from_emoji(&text.replace('\u{fe0f}', "")));
    asset.map(|asset| asset.data.0)
}

impl ImageSource for EmojiSet {
    fn kind(&self) -> &'static str {
        "Emoji"
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn name(&self, i: usize) -> String {
        self.items[i].emoji.name().to_owned()
    }

    fn label(&self, i: usize) -> Option<u32> {
        Some(self.items[i].label)
    }

    fn caption(&self, i: usize) -> Option<String> {
        Some(self.items[i].emoji.name().to_owned())
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        decode_bytes(self.items[i].png, self.items[i].emoji.name())
    }

    fn bytes(&self) -> u64 {
        self.items.iter().map(|i| i.png.len() as u64).sum()
    }

    fn fingerprint(&self) -> Result<String> {
        Ok(self.fingerprint.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn names(spec: &str) -> Vec<String> {
        let s = crate::data::open(spec).unwrap();
        (0..s.len()).map(|i| s.name(i)).collect()
    }

    #[test]
    fn every_subgroup_begins_in_unicodes_order() {
        let all: Vec<String> = emojis::iter().map(|e| e.as_str().replace('\u{fe0f}', "")).collect();
        let places: Vec<_> =
            SUBGROUPS.iter().map(|s| all.iter().position(|e| e == s.0).unwrap_or_else(|| panic!("{}", s.1))).collect();
        assert!(places.is_sorted());
        for (_, subgroup) in SUBGROUPS {
            assert!(!crate::data::open(&format!("emoji:{subgroup}")).unwrap().is_empty(), "{subgroup}");
        }
    }

    #[test]
    fn the_whole_set_has_one_picture_for_each_name() {
        let set = crate::data::open("emoji").unwrap();
        assert!(set.len() > 1800, "{}", set.len());
        assert_eq!(set.labels().len(), 9);
        assert_eq!(names("emoji").into_iter().collect::<HashSet<_>>().len(), set.len());
        let p = set.decode(0).unwrap();
        assert_eq!((p.width, p.height, p.pixel(0, 0)[3]), (72, 72, 0));
    }

    #[test]
    fn parts_hold_what_they_say() {
        let smileys = names("emoji:smileys");
        assert!(smileys.contains(&"grinning face".to_owned()) && smileys.contains(&"red heart".to_owned()));
        assert!(!smileys.contains(&"dog face".to_owned()));
        let faces = names("emoji:faces");
        assert!((100..=150).contains(&faces.len()), "{}", faces.len());
        assert!(!faces.contains(&"pile of poo".to_owned()) && !faces.contains(&"grinning cat".to_owned()));
        assert_eq!(names("emoji:animals+food").len(), names("emoji:animals").len() + names("emoji:food").len());
        assert!(names("emoji:animal-mammal").contains(&"fox".to_owned()));
        assert_eq!(names("emoji:subdivision-flag").len(), 3);
    }

    #[test]
    fn skin_tones_come_when_asked() {
        let (plain, toned) = (names("emoji:people"), names("emoji:people+tones"));
        assert!(toned.len() > plain.len() * 4, "{} {}", plain.len(), toned.len());
        assert!(toned.iter().any(|n| n.contains("medium skin tone")));
        assert!(!plain.iter().any(|n| n.contains("skin tone")));
        assert_eq!(toned.iter().collect::<HashSet<_>>().len(), toned.len());
    }
}
