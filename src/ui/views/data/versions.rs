//! Versions of a data set: note one, go back to one, branch from it, and see how two differ, with the pictures.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{Key, Modifiers, Role, ScrollArea, Sense, Ui, vec2};
use egui_material_icons::icons::{ICON_CLOSE, ICON_HISTORY};

use super::DataView;
use crate::data::manifest::Kind;
use crate::engine::{Command, JobId, RecordsCommand, RecordsEvent, VERSION_PICTURES, Version, VersionThumbs};
use crate::ui::format;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, ViewId};

/// Side of a picture of a difference, in points.
const SIDE: f32 = 48.0;
/// A difference that was asked for.
struct Compared {
    /// What differs, in words.
    sentence: String,
    /// Each kind of difference with the pictures that are shown of it.
    kinds: Vec<Kind>,
    thumbs: BTreeMap<String, VersionThumbs>,
    title: String,
    /// What its textures are known by.
    number: u64,
}

/// The page's own state.
#[derive(Default)]
pub(super) struct VersionsPage {
    open: bool,
    /// Versions of this source, the newest first.
    of: Option<String>,
    versions: Vec<Version>,
    /// What each of them is called, and when it was noted.
    rows: Arc<Vec<Row>>,
    branches: Vec<(String, String)>,
    /// The earlier and the later version that are chosen; the later may be what is there now.
    earlier: Option<String>,
    later: Option<String>,
    compared: Option<Compared>,
    name: String,
    job: Option<JobId>,
    number: u64,
}

/// A version as the list shows it.
struct Row {
    hash: String,
    title: String,
    noted: String,
    pictures: String,
    /// Whether the source is at it.
    here: bool,
}

impl VersionsPage {
    /// Takes in what the library told of versions.
    fn list(&mut self, versions: &[Version], head: Option<&str>, branches: &[(String, String)]) {
        (self.versions, self.branches) = (versions.to_vec(), branches.to_vec());
        let row = |version: &Version| Row {
            title: self.title(&version.hash),
            noted: when(version.made),
            pictures: format::count(version.pictures),
            here: head == Some(version.hash.as_str()),
            hash: version.hash.clone(),
        };
        self.rows = Arc::new(versions.iter().map(row).collect());
        if self.earlier.is_none() {
            self.earlier = versions.first().map(|v| v.hash.clone());
        }
    }

    fn title(&self, hash: &str) -> String {
        let version = self.versions.iter().find(|v| v.hash == hash);
        let tag = version.and_then(|v| v.tags.first()).cloned();
        let branch = self.branches.iter().find(|(_, h)| h == hash).map(|(name, _)| name.clone());
        tag.or(branch).unwrap_or_else(|| hash.chars().take(8).collect())
    }
}

fn when(at: i64) -> String {
    jiff::Timestamp::from_second(at)
        .map(|t| t.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %b %y, %H:%M").to_string())
        .unwrap_or_default()
}

impl DataView {
    /// Whether the page of versions is shown.
    pub(super) fn shows_versions(&self) -> bool {
        self.versions.open
    }

    /// Opens the page of versions of the present source.
    pub(super) fn open_versions(&mut self, cx: &mut Cx<'_>) {
        let Some(source) = self.source().map(str::to_owned) else { return };
        if self.versions.of.as_ref() != Some(&source) {
            self.versions =
                VersionsPage { of: Some(source.clone()), number: self.versions.number, ..Default::default() };
        }
        self.versions.open = true;
        cx.send(Command::Records(RecordsCommand::Versions { source }));
    }

    pub(super) fn take_versions(&mut self, event: &RecordsEvent, cx: &mut Cx<'_>) {
        let page = &mut self.versions;
        match event {
            RecordsEvent::Versions { source, versions, head, branches } if page.of.as_ref() == Some(source) => {
                page.list(versions, head.as_ref().map(|(hash, _)| hash.as_str()), branches);
            }
            RecordsEvent::Compared { source, earlier, later, diff, thumbs } if page.of.as_ref() == Some(source) => {
                page.number += 1;
                let then = later.as_ref().map_or_else(|| "now".into(), |hash| page.title(hash));
                let title = format!("{} to {then}", page.title(earlier));
                let (sentence, kinds, thumbs) = (diff.sentence(), diff.kinds(VERSION_PICTURES), thumbs.clone());
                page.compared = Some(Compared { sentence, kinds, thumbs, title, number: page.number });
            }
            RecordsEvent::Restored { source, restored } if page.of.as_ref() == Some(source) => {
                let problem = crate::base::Problem::usage(format!(
                    "Back at this version: {} marked as they were then",
                    format::plural(restored.marks, "picture is", "pictures are")
                ));
                let lost = [
                    ("left out, they were not there then", restored.left_out.len()),
                    ("gone", restored.missing.len()),
                    ("with other contents", restored.replaced.len()),
                ];
                let lost: Vec<String> =
                    lost.iter().filter(|l| l.1 > 0).map(|(what, n)| format!("{n} {what}")).collect();
                cx.say(if lost.is_empty() { problem.info() } else { problem.because(lost.join(", ")).info() });
            }
            _ => {}
        }
    }

    fn ask(&mut self, cx: &mut Cx<'_>, command: impl FnOnce(JobId) -> RecordsCommand) {
        let job = cx.new_job();
        self.versions.job = Some(job);
        cx.send(Command::Records(command(job)));
    }

    /// Draws the page.
    pub(super) fn show_versions(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(source) = self.source().map(str::to_owned) else { return };
        let reading = self.recipe.data.reading();
        let busy = self.versions.job.and_then(|j| cx.studio.jobs.get(&j)).is_some_and(|j| !j.ended);
        let mut close = cx.has_keys(ViewId::Data) && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape));
        theme::toolbar(ui, |ui| {
            let name = self.versions.name.trim().to_owned();
            theme::text_field(ui, &mut self.versions.name, "Name", 84.0, "Name of the version");
            theme::enabled(ui, !busy, |ui| {
                let note = theme::button(ui, None, "Note this version");
                if note
                    .on_hover_text("Keep what the data are now: pictures, labels, weights, tags, exclusions")
                    .clicked()
                {
                    let tag = Some(name.clone()).filter(|n| !n.is_empty());
                    let (source, reading) = (source.clone(), reading.clone());
                    self.ask(cx, |job| RecordsCommand::NoteVersion { job, source, reading, tag, branch: None });
                }
                ui.add_enabled_ui(!name.is_empty(), |ui| {
                    let branch = theme::quiet_button(ui, None, "Branch");
                    let help = "Begin a branch of this name here: versions noted from now on belong to it";
                    if branch.on_hover_text(help).on_disabled_hover_text("Type a name first").clicked() {
                        let (source, reading, branch) = (source.clone(), reading.clone(), Some(name.clone()));
                        self.ask(cx, |job| RecordsCommand::NoteVersion { job, source, reading, tag: None, branch });
                    }
                });
            });
            theme::at_end(ui, |ui| close |= theme::icon_button(ui, ICON_CLOSE, "Close (Esc)").clicked());
        });
        if self.versions.versions.is_empty() {
            let text = "A version is what the pictures, their labels, weights and tags are at a moment";
            theme::empty_state(ui, ICON_HISTORY, "No version was noted yet", text, None);
        } else {
            theme::page(ui, "versions", |ui| {
                self.list(ui, &source, busy, cx);
                ui.add_space(size::L);
                self.difference(ui, cx);
            });
        }
        self.versions.open &= !close;
    }

    /// Every version: earlier and later of a comparison, and the way back.
    fn list(&mut self, ui: &mut Ui, source: &str, busy: bool, cx: &mut Cx<'_>) {
        let reading = self.recipe.data.reading();
        let rows = self.versions.rows.clone();
        let mut back = None;
        ScrollArea::both().id_salt("list of versions").max_height(200.0).show(ui, |ui| {
            egui::Grid::new("version rows").num_columns(6).spacing(vec2(size::M, size::XS)).show(ui, |ui| {
                for title in ["Version", "Noted", "Pictures", "Earlier", "Later", ""] {
                    theme::weak(ui, title);
                }
                ui.end_row();
                theme::weak(ui, "Now");
                theme::weak(ui, "");
                theme::weak(ui, "");
                theme::weak(ui, "");
                let chosen = self.versions.later.is_none();
                if ui.radio(chosen, "").accessible_name("Later: now").clicked() {
                    self.versions.later = None;
                }
                ui.end_row();
                for version in rows.iter() {
                    let title = &version.title;
                    let here = if version.here { " (here)" } else { "" };
                    ui.label(format!("{title}{here}")).on_hover_text(&version.hash);
                    theme::weak(ui, version.noted.as_str());
                    theme::weak(ui, version.pictures.as_str());
                    let earlier = self.versions.earlier.as_ref() == Some(&version.hash);
                    if ui.radio(earlier, "").accessible_name(format!("Earlier: {title}")).clicked() {
                        self.versions.earlier = Some(version.hash.clone());
                    }
                    let later = self.versions.later.as_ref() == Some(&version.hash);
                    if ui.radio(later, "").accessible_name(format!("Later: {title}")).clicked() {
                        self.versions.later = Some(version.hash.clone());
                    }
                    ui.add_enabled_ui(!busy, |ui| {
                        let button = theme::quiet_button(ui, None, "Go back");
                        theme::name(&button, Role::Button, &format!("Go back to {title}"));
                        let help =
                            "Labels, weights, tags and exclusions become those of this version; what is set now stays a version too";
                        if button.on_hover_text(help).clicked() {
                            back = Some(version.hash.clone());
                        }
                    });
                    ui.end_row();
                }
            });
        });
        ui.add_space(size::S);
        let earlier = self.versions.earlier.clone();
        ui.add_enabled_ui(!busy && earlier.is_some() && earlier != self.versions.later, |ui| {
            if theme::button(ui, None, "Show differences").clicked()
                && let Some(earlier) = earlier
            {
                let (source, later, reading) = (source.to_owned(), self.versions.later.clone(), reading.clone());
                self.ask(cx, |job| RecordsCommand::CompareVersions { job, source, reading, earlier, later });
            }
        });
        if let Some(hash) = back {
            let source = source.to_owned();
            self.ask(cx, |job| RecordsCommand::RestoreVersion { job, source, reading, hash });
        }
    }

    /// What differs, each kind with its pictures.
    fn difference(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(compared) = &self.versions.compared else { return };
        theme::section(ui, &compared.title);
        ui.label(&compared.sentence);
        for kind in &compared.kinds {
            ui.add_space(size::S);
            theme::weak(ui, format!("{}: {}", kind.title, format::plural(kind.count as u64, "picture", "pictures")));
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing = vec2(size::S, size::S);
                for (name, told) in &kind.pictures {
                    pair(ui, compared, name, told, cx);
                }
            });
            let more = kind.count.saturating_sub(kind.pictures.len());
            if more > 0 {
                theme::weak(ui, format!("and {} more", format::count(more as u64)));
            }
        }
    }
}

/// A picture as it was beside what it is, where both are there and differ.
fn pair(ui: &mut Ui, compared: &Compared, name: &str, told: &str, cx: &mut Cx<'_>) {
    let t = theme::tokens(ui);
    let thumbs = compared.thumbs.get(name);
    let (before, after) = thumbs.map_or((None, None), |thumbs| (thumbs.before.as_ref(), thumbs.after.as_ref()));
    let differ = before.is_some() && after.is_some() && before != after;
    let shown: Vec<_> = if differ { vec![(0, before), (1, after)] } else { vec![(1, after.or(before))] };
    let width = SIDE * shown.len() as f32 + size::XS * (shown.len() - 1) as f32;
    let (rect, response) = ui.allocate_exact_size(vec2(width, SIDE), Sense::hover());
    for (i, (side, picture)) in shown.into_iter().enumerate() {
        let spot = egui::Rect::from_min_size(rect.min + vec2(i as f32 * (SIDE + size::XS), 0.0), vec2(SIDE, SIDE));
        match picture {
            Some(picture) => {
                let tex = cx.textures.get(ui.ctx(), key(("version", compared.number, name, side)), 0, picture);
                let fitted = egui::Rect::from_center_size(spot.center(), tex.fit(spot.size()));
                textures::paint(ui.painter(), fitted, &tex, t);
            }
            None => {
                ui.painter().rect_filled(spot, f32::from(size::RADIUS), t.raised);
            }
        }
    }
    theme::name(&response, Role::Image, told);
    response.on_hover_text(told);
}
