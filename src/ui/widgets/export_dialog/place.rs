//! Where an export goes: a folder and a name for each kind.

use std::path::{Path, PathBuf};

use crate::export::names::{file_name, today};
use crate::export::{EXPORTERS, Exporter, Makes};
use crate::ui::settings::Settings;

/// A folder, and a pattern for names in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub folder: PathBuf,
    pub name: String,
}

impl Place {
    /// Whether there is both.
    pub(super) fn is_whole(&self) -> bool {
        !self.folder.as_os_str().is_empty() && !self.name.trim().is_empty()
    }

    /// Takes a path that was typed or pasted: a folder, or a whole file name of this format.
    pub(super) fn set(&mut self, path: &Path, ending: &str) {
        let is_file = !ending.is_empty() && path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending));
        match (path.file_stem(), path.parent()) {
            (Some(stem), Some(folder)) if is_file => {
                self.name = stem.to_string_lossy().into_owned();
                self.folder = folder.to_path_buf();
            }
            _ => self.folder = path.to_path_buf(),
        }
    }

    /// What the exporter is told: the folder, in which nothing is ever replaced. What fills a folder has one of its own.
    pub(super) fn out(&self, format: &Exporter, model: &str) -> PathBuf {
        if format.extension.is_empty() {
            return self.folder.join(file_name(&self.name, model, None, 1, &today()));
        }
        self.folder.clone()
    }
}

/// A place for each kind of export.
#[derive(Clone, Debug, Default)]
pub(super) struct Places([Place; 3]);

/// The folder of a path: files of earlier versions kept the last file instead.
fn folder_of(path: &Path) -> PathBuf {
    let ending = path.extension().and_then(|e| e.to_str());
    let is_file = ending.is_some_and(|e| EXPORTERS.iter().any(|f| f.extension.eq_ignore_ascii_case(e)));
    if is_file { path.parent().unwrap_or(path).to_path_buf() } else { path.to_path_buf() }
}

/// The name that a kind of export has until a person gives another.
fn usual(kind: Makes, settings: &Settings) -> String {
    match kind {
        Makes::Pictures => settings.export.pattern.clone(),
        Makes::Sheet => "{model}-grid".into(),
        Makes::Film => "{model}-film".into(),
    }
}

impl Places {
    /// Where each kind was written last, else the folder of the settings, else `home`.
    pub(super) fn proposed(settings: &Settings, home: &Path) -> Self {
        let set = Some(folder_of(&settings.export.out)).filter(|f| !f.as_os_str().is_empty());
        Self([Makes::Pictures, Makes::Sheet, Makes::Film].map(|kind| {
            let folder = settings.export_folders.get(kind.id()).cloned().or_else(|| set.clone());
            // The pattern for pictures is a setting of its own.
            let name = settings.export_names.get(kind.id()).filter(|_| kind != Makes::Pictures).cloned();
            Place {
                folder: folder.unwrap_or_else(|| home.to_path_buf()),
                name: name.unwrap_or_else(|| usual(kind, settings)),
            }
        }))
    }

    /// The place of a kind.
    pub(super) fn of(&mut self, kind: Makes) -> &mut Place {
        &mut self.0[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_proposed_for_each_kind_and_never_a_file() {
        let mut settings = Settings::default();
        let home = Path::new("/home/me/Pictures/Latent Studio");
        let mut places = Places::proposed(&settings, home);
        assert_eq!(*places.of(Makes::Film), Place { folder: home.into(), name: "{model}-film".into() });
        settings.export.out = "/old/last film.mp4".into();
        assert_eq!(Places::proposed(&settings, home).of(Makes::Sheet).folder, Path::new("/old"));
        settings.export_folders.insert(Makes::Film.id().into(), "/films".into());
        settings.export_names.insert(Makes::Film.id().into(), "mine".into());
        let mut places = Places::proposed(&settings, home);
        assert_eq!(*places.of(Makes::Film), Place { folder: "/films".into(), name: "mine".into() });
        assert_eq!(places.of(Makes::Pictures).folder, Path::new("/old"));
    }

    #[test]
    fn a_pasted_file_is_a_folder_and_a_name() {
        let mut place = Place { folder: "/a".into(), name: "x".into() };
        place.set(Path::new("/films/mine.MP4"), "mp4");
        assert_eq!(place, Place { folder: "/films".into(), name: "mine".into() });
        place.set(Path::new("/other.folder"), "mp4");
        assert_eq!(place, Place { folder: "/other.folder".into(), name: "mine".into() });
    }

    #[test]
    fn frames_have_a_folder_of_their_own() {
        let place = Place { folder: "/films".into(), name: "{model}-film".into() };
        let of = |id: &str| EXPORTERS.iter().find(|f| f.id == id).unwrap();
        assert_eq!(place.out(of("frames"), "nouns"), Path::new("/films/nouns-film"));
        assert_eq!(place.out(of("mp4"), "nouns"), Path::new("/films"));
    }
}
