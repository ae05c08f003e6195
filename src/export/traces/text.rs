//! Texts: JSON by its keys, XMP by its names, and whatever looks like a path, an address or a time elsewhere.

use std::sync::OnceLock;

use serde_json::Value;

use super::{Found, Gives};
use crate::export::metadata::SOURCE_TYPE;

/// Fewest characters of a text between other bytes.
const SHORTEST: usize = 6;
/// Deepest JSON that is followed.
const DEEPEST: usize = 32;

/// A text as a whole: JSON if it is such, lines of JSON, or plain.
pub(super) fn whole(text: &str, at: &str, found: &mut Found) {
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str::<Value>(text) {
        return json(&value, at, "", 0, found);
    }
    if text.contains(SOURCE_TYPE) {
        xmp(text, at, found);
    }
    for line in text.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(value @ Value::Object(_)) => json(&value, at, "", 0, found),
            _ => plain(line, at, found),
        }
    }
}

/// What a key of JSON says of its value.
fn meaning(key: &str) -> Option<Gives> {
    Some(match key {
        "user" | "author" | "owner" | "by" => Gives::User,
        "source" | "dir" | "path" | "file" | "folder" | "run" | "out" => Gives::Path,
        "device" | "host" | "hostname" => Gives::Device,
        "created" | "at" | "time" | "date" | "made" | "hours" | "added" | "seconds" => Gives::Time,
        "hash" | "model_hash" | "md5" | "prior" | "state" => Gives::Hash,
        "studio" => Gives::Program,
        "note" | "caption" | "summary" | "name" | "data" | "licence" | "data_licence" => Gives::Text,
        _ => return None,
    })
}

fn json(value: &Value, at: &str, key: &str, depth: usize, found: &mut Found) {
    if depth > DEEPEST {
        return;
    }
    let own = key.rsplit('.').next().unwrap_or(key);
    let place = if key.is_empty() { at.to_owned() } else { format!("{at}: {key}") };
    match value {
        Value::Object(all) => {
            if depth == 0 && all.contains_key("latent") && all.contains_key("model_hash") {
                found.add(Gives::Recipe, at, "how the picture was made: its latent and settings");
            }
            for (name, value) in all {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                json(value, at, &key, depth + 1, found);
            }
        }
        // Long lists are numbers.
        Value::Array(all) => all.iter().take(1000).for_each(|v| json(v, at, key, depth + 1, found)),
        Value::String(text) if own == "model" => {
            // A path, or the name of a model.
            let gives = if text.contains(['/', '\\']) { Gives::Path } else { Gives::Text };
            if depth == 1 || gives == Gives::Path {
                found.add(gives, &place, text);
            }
        }
        Value::String(text) => match meaning(own) {
            Some(gives) => found.add(gives, &place, text),
            // JSON inside of JSON.
            None if text.starts_with('{') => whole(text, &place, found),
            None => plain(text, &place, found),
        },
        Value::Number(n) if matches!(meaning(own), Some(Gives::Time)) && n.as_f64() != Some(0.0) => {
            found.add(Gives::Time, &place, n.to_string());
        }
        _ => {}
    }
}

/// An XMP packet.
pub(super) fn xmp(packet: &str, at: &str, found: &mut Found) {
    if packet.contains("algorithmicMedia") || packet.contains("AlgorithmicMedia") {
        found.add(Gives::Mark, at, "a trained model made it");
    }
    let names: [(&[&str], Gives); 6] = [
        (&["dc:creator", "photoshop:Credit", "photoshop:AuthorsPosition", "dc:rights", "aux:OwnerName"], Gives::User),
        (&["tiff:Make", "tiff:Model", "aux:SerialNumber", "aux:Lens", "exifEX:BodySerialNumber"], Gives::Device),
        (
            &["xmp:CreateDate", "xmp:ModifyDate", "xmp:MetadataDate", "photoshop:DateCreated", "exif:DateTimeOriginal"],
            Gives::Time,
        ),
        (
            &["exif:GPSLatitude", "exif:GPSLongitude", "photoshop:City", "photoshop:Country", "Iptc4xmpCore:Location"],
            Gives::Place,
        ),
        (&["dc:title", "dc:description", "dc:subject", "xmpMM:DocumentID", "xmpMM:InstanceID"], Gives::Text),
        (&["xmp:CreatorTool", "Iptc4xmpExt:AISystemUsed"], Gives::Program),
    ];
    for (keys, gives) in names {
        for key in keys {
            if let Some(says) = value_of(packet, key) {
                found.add(gives, &format!("{at} {key}"), says);
            }
        }
    }
    plain(packet, at, found);
}

/// The value of a name in XML, be it an attribute or an element.
fn value_of(packet: &str, key: &str) -> Option<String> {
    let after = &packet[packet.find(key)? + key.len()..];
    if let Some(value) = after.strip_prefix("=\"") {
        return Some(value[..value.find('"')?].to_owned());
    }
    let inside = after.strip_prefix('>')?;
    let inside = &inside[..inside.find(&format!("</{key}"))?];
    let (mut out, mut tag) = (String::new(), false);
    for c in inside.chars() {
        match c {
            '<' => tag = true,
            '>' => tag = false,
            c if !tag => out.push(c),
            _ => {}
        }
    }
    Some(out.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Paths, addresses, times, and the names of this user and computer in a text.
pub(super) fn plain(text: &str, at: &str, found: &mut Found) {
    let ends = |c: char| c.is_whitespace() || "\"'<>|,;(){}[]".contains(c);
    for word in text.split(ends).filter(|w| w.len() > 3) {
        let word = word.trim_end_matches(['.', ':']);
        if is_path(word) {
            found.add(Gives::Path, at, word);
        } else if is_address(word) {
            found.add(Gives::User, at, word);
        } else if is_time(word) {
            found.add(Gives::Time, at, word);
        }
    }
    for (gives, name) in own_names() {
        // Short names are parts of words.
        if name.len() > 3 && text.split(|c: char| !c.is_alphanumeric()).any(|w| w == name) {
            found.add(*gives, at, name.as_str());
        }
    }
}

fn own_names() -> &'static [(Gives, String)] {
    static NAMES: OnceLock<Vec<(Gives, String)>> = OnceLock::new();
    NAMES.get_or_init(names_here)
}

fn names_here() -> Vec<(Gives, String)> {
    let user = ["USER", "USERNAME", "LOGNAME"].into_iter().filter_map(|k| std::env::var(k).ok());
    let host = ["HOSTNAME", "COMPUTERNAME"].into_iter().filter_map(|k| std::env::var(k).ok());
    let file = std::fs::read_to_string("/etc/hostname").ok().map(|h| h.trim().to_owned());
    user.map(|u| (Gives::User, u)).chain(host.chain(file).map(|h| (Gives::Device, h))).collect()
}

fn is_path(word: &str) -> bool {
    const ROOTS: [&str; 11] =
        ["/home/", "/Users/", "/root/", "/tmp/", "/mnt/", "/media/", "/var/", "/opt/", "/srv/", "/work/", "/data/"];
    let windows = |w: &str| {
        let b = w.as_bytes();
        b.len() > 3 && b[0].is_ascii_alphabetic() && b[1] == b':' && matches!(b[2], b'\\' | b'/') && b[3] != b'/'
    };
    let word = word.strip_prefix("file://").unwrap_or(word);
    ROOTS.iter().any(|r| word.starts_with(r)) || windows(word) || word.starts_with("~/") || word.starts_with("\\\\")
}

fn is_address(word: &str) -> bool {
    let Some((name, host)) = word.split_once('@') else { return false };
    let fits = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
    !name.is_empty() && name.chars().all(fits) && host.contains('.') && host.len() > 3 && host.chars().all(fits)
}

/// A date and time as ISO 8601 writes them.
fn is_time(word: &str) -> bool {
    let b = word.as_bytes();
    b.len() >= 16
        && b[..16].iter().enumerate().all(|(i, c)| match i {
            4 | 7 => *c == b'-',
            10 => *c == b'T',
            13 => *c == b':',
            _ => c.is_ascii_digit(),
        })
}

/// Texts between other bytes.
pub(super) fn strings(bytes: &[u8], at: &str, found: &mut Found) {
    let mut start = 0;
    let printable = |b: u8| (0x20..0x7F).contains(&b) || b >= 0x80 || b == b'\t';
    for end in 0..=bytes.len() {
        if bytes.get(end).is_some_and(|b| printable(*b)) {
            continue;
        }
        if end - start >= SHORTEST
            && let Ok(text) = std::str::from_utf8(&bytes[start..end])
        {
            plain(text, at, found);
        }
        start = end + 1;
    }
}

/// Event files of TensorBoard: records with a time each. False if it is none.
pub(super) fn events(bytes: &[u8], found: &mut Found) -> bool {
    /// Seconds after 1970 below which a time says only how long something took.
    const REAL: f64 = 1e8;
    if !bytes.get(..80.min(bytes.len())).is_some_and(|head| head.windows(11).any(|w| w == b"brain.Event")) {
        return false;
    }
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some(record) = length.checked_add(4).and_then(|end| after.get(4..end)) else { break };
        // The first field of an event is its time.
        if let Some((9, time)) = record.split_first()
            && let Some(time) = time.first_chunk()
            && f64::from_le_bytes(*time) > REAL
        {
            found.add(Gives::Time, "events", format!("{:.0} seconds after 1970", f64::from_le_bytes(*time)));
        }
        strings(record, "events", found);
        match after.get(4 + length + 4..) {
            Some(next) => rest = next,
            None => break,
        }
    }
    true
}
