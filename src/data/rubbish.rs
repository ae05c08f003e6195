//! What systems, network storage and clouds leave among pictures: files and folders of their own, and stand-ins for files
//! that are elsewhere.

use crate::recipe::Reading;

/// Folders that systems and network storage keep for themselves, in small letters.
const FOLDERS: &[&str] = &[
    "__macosx",
    "$recycle.bin",
    "recycler",
    "recycled",
    "#recycle",
    "@recycle",
    "@recycle bin",
    "system volume information",
    "lost+found",
    "@eadir",
    "@tmp",
    "#snapshot",
    "@recently-snapshot",
    "found.000",
    "$windows.~bt",
    "desktop db",
    "temporaryitems",
    "network trash folder",
];
/// Files that systems keep for themselves, in small letters.
const FILES: &[&str] =
    &["thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "folder.htt", "zbthumbnail.info"];

/// What was known when there were no other recipes than those that are [older than the choice](Reading::is_before): they
/// keep the pictures they began with.
const BEFORE: &[&str] = &["__MACOSX", "Thumbs.db", "desktop.ini", "Icon\r"];

/// Whether one part of a name, a file or a folder, is the system's own.
pub(super) fn is_system(part: &str, reading: &Reading) -> bool {
    if part.starts_with('.') {
        return part != "." && part != "..";
    }
    if reading.is_before() {
        return BEFORE.contains(&part);
    }
    let low = part.to_lowercase();
    FOLDERS.contains(&low.as_str()) || FILES.contains(&low.as_str())
}

/// Whether a file is the system's own, or lies in a folder of it, by its name within the source.
pub(super) fn is_hidden(name: &str, reading: &Reading) -> bool {
    name.split('/').any(|part| is_system(part, reading))
}

/// Why a file that stands for one in a cloud is no picture, by its name; nothing for others.
pub(super) fn placeholder(part: &str) -> Option<String> {
    let (cloud, original) = if let Some(name) = part.strip_suffix(".icloud") {
        ("iCloud", name.strip_prefix('.').unwrap_or(name))
    } else if let Some(name) = part.strip_suffix(".nextcloud") {
        ("Nextcloud", name)
    } else {
        ("ownCloud", part.strip_suffix(".owncloud")?)
    };
    (!original.is_empty()).then(|| format!("{original} is in {cloud} and not on this computer; download it first"))
}

/// Why a file that was not downloaded to its end is no picture, by its name.
pub(super) fn unfinished(part: &str) -> Option<String> {
    let low = part.to_lowercase();
    [".crdownload", ".part", ".partial", ".download", ".opdownload", ".!ut"]
        .iter()
        .any(|end| low.ends_with(end))
        .then(|| "This download is not finished".to_owned())
}

/// Whether Windows says that reading the file would fetch it from a cloud.
#[cfg(windows)]
pub(super) fn is_elsewhere(meta: &std::fs::Metadata) -> bool {
    // FILE_ATTRIBUTE_RECALL_ON_OPEN, FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS.
    std::os::windows::fs::MetadataExt::file_attributes(meta) & (0x0004_0000 | 0x0040_0000) != 0
}

/// Elsewhere than on Windows, clouds show what they hold by the names of files.
#[cfg(not(windows))]
pub(super) fn is_elsewhere(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_leave_is_hidden_and_what_people_name_is_not() {
        for name in [
            "a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
            "$RECYCLE.BIN/S-1-5/1.png",
            "$Recycle.Bin/1.png",
            "#recycle/x.png",
            "System Volume Information/1.png",
            "__MACOSX/a.png",
            ".DS_Store",
            "a/.b.png",
            "x/Thumbs.db",
            ".Trash-1000/1.png",
        ] {
            assert!(is_hidden(name, &Reading::default()), "{name}");
        }
        for name in ["a/b.png", "./a.png", "../../etc/3.png", "recycle/1.png", "eaDir/1.png", "#1/a.png", "@me/a.png"] {
            assert!(!is_hidden(name, &Reading::default()), "{name}");
        }
    }

    #[test]
    fn older_recipes_keep_the_pictures_they_began_with() {
        let before = &crate::recipe::Recipe::from_json("{\"data\":{\"source\":\"x\"}}").unwrap().data.reading();
        assert!(
            !is_hidden("@eaDir/1.png", before) && is_hidden("__MACOSX/1.png", before) && is_hidden(".a.png", before)
        );
    }

    #[test]
    fn stand_ins_are_called_by_their_name() {
        assert!(placeholder(".x.jpg.icloud").unwrap().starts_with("x.jpg is in iCloud"));
        assert!(placeholder("x.jpg.nextcloud").unwrap().contains("Nextcloud"));
        assert_eq!((placeholder("icloud.jpg"), placeholder(".icloud")), (None, None));
        assert!(unfinished("x.jpg.crdownload").is_some() && unfinished("x.jpg").is_none());
    }
}
