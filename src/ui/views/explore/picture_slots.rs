//! Pictures from elsewhere put into a corner of the grid or beside another: dropped on it, chosen in a dialog, or pasted
//! as a path while the pointer or the focus is there. A VAE's encoder says where they lie; for a GAN the latent is looked for.

use std::path::{Path, PathBuf};

use egui::{Event as Input, Response, Ui};
use egui_material_icons::icons::{ICON_CLOSE, ICON_FILE_OPEN};

use crate::base::Family;
use crate::data::path_of;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent, SlotId};
use crate::latent::invert::InvertConfig;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::{Action, PickKind};
use crate::ui::theme;
use crate::ui::view::{Cx, ViewId};
use crate::ui::widgets::drop_target::files_hover;
use crate::ui::widgets::latent_slot::{Anchor, highlight};

/// What a place says of itself under the pointer.
pub const HINT: &str = "Drag across for other seeds; drop a picture here, paste its path, or right-click for more";

/// Steps of a search for the latent of a picture that is put into a place of a GAN.
const STEPS: u32 = 150;

/// Has anchors that nobody chose begin at the present picture: those of a fresh page, and those that this began with
/// before. Whether it did.
pub fn begin_at(begun: &mut Vec<Anchor>, anchors: &mut [Anchor], untouched: &[Anchor], here: &Latent) -> bool {
    if anchors != untouched && anchors != begun.as_slice() || anchors.len() != untouched.len() {
        return false;
    }
    anchors.clone_from_slice(untouched);
    let first: Anchor = here.clone().into();
    // A seed that is there twice says nothing.
    if let Some(same) = anchors.iter().position(|a| *a == first) {
        anchors.swap(0, same);
    }
    anchors[0] = first;
    *begun = anchors.to_vec();
    true
}

/// Whether this is one picture file; folders, archives and models go where they belong.
pub fn one_picture(paths: &[PathBuf]) -> bool {
    matches!(paths, [path] if image::ImageFormat::from_path(path).is_ok())
}

/// The places of one page, by their numbers.
#[derive(Default)]
pub struct PictureSlots {
    slot: Option<SlotId>,
    /// Pictures on their way through the encoder, and the places they are for.
    encoding: Vec<(usize, PathBuf)>,
    /// Pictures whose latents are looked for, and the places they are for.
    looking: Vec<(usize, JobId)>,
    /// The place under the pointer in the last frame.
    over: Option<usize>,
}

impl PictureSlots {
    /// Before the places of a frame are drawn.
    pub fn begin(&mut self) {
        self.over = None;
    }

    /// Lights a place up while files are held over the window, and takes a path pasted onto it.
    pub fn show(&mut self, ui: &Ui, cx: &mut Cx<'_>, place: usize, response: &Response, info: &ModelInfo) {
        let over = ui.input(|i| i.pointer.latest_pos().is_some_and(|at| response.rect.contains(at)));
        if over {
            self.over = Some(place);
        }
        if files_hover(ui) {
            highlight(ui, response.rect, over);
        }
        if (over || response.has_focus()) && !ui.ctx().text_edit_focused() {
            let pasted = ui.input_mut(|i| {
                let at = i.events.iter().position(|e| matches!(e, Input::Paste(text) if !text.trim().is_empty()))?;
                let Input::Paste(text) = i.events.remove(at) else { return None };
                text.lines().map(str::trim).find(|line| !line.is_empty()).map(path_of)
            });
            if let Some(path) = pasted {
                self.encode(place, &path, info, cx);
            }
        }
    }

    /// The entry of a place's menu that chooses a picture; the dialog answers with `purpose`.
    pub fn menu(ui: &mut Ui, cx: &mut Cx<'_>, purpose: &'static str) {
        if theme::quiet_button(ui, Some(ICON_FILE_OPEN), "Put a picture here…").clicked() {
            cx.pick(ViewId::Explore, purpose, PickKind::File, "Choose a picture", &[]);
            ui.close();
        }
    }

    /// Files dropped on the window: true if one was meant for a place.
    pub fn dropped(&mut self, paths: &[PathBuf], info: &ModelInfo, cx: &mut Cx<'_>) -> bool {
        let (Some(place), [path]) = (self.over, paths) else { return false };
        // Folders, archives and models go where they belong.
        if image::ImageFormat::from_path(path).is_err() {
            return false;
        }
        self.encode(place, path, info, cx);
        true
    }

    /// While latents are looked for: how far, and a button that ends it. True while that is on.
    pub fn busy(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> bool {
        self.looking.retain(|(_, j)| cx.studio.jobs.get(j).is_none_or(|j| !j.ended));
        let Some(&(_, job)) = self.looking.first() else { return false };
        let share = cx.studio.jobs.get(&job).and_then(|j| j.share());
        theme::progress(ui, share, 100.0, "Looking for its latent");
        if theme::icon_button(ui, ICON_CLOSE, "Cancel the search").clicked() {
            self.looking.iter().for_each(|(_, job)| cx.push(Action::Cancel(*job)));
        }
        true
    }

    /// Asks where a picture lies.
    pub fn encode(&mut self, place: usize, path: &Path, info: &ModelInfo, cx: &mut Cx<'_>) {
        if info.family == Family::Gan {
            let job = cx.new_job();
            // A place is wanted soon; the page of one's own picture takes more time and comes closer.
            let wish = InvertConfig { steps: STEPS, show: STEPS, ..InvertConfig::default() };
            let (model, inputs) = (info.model.clone(), vec![path.to_path_buf()]);
            cx.send(Command::Latent(LatentCommand::Invert { job, model, inputs, wish }));
            self.looking.retain(|l| l.0 != place);
            self.looking.push((place, job));
            return;
        }
        let slot = *self.slot.get_or_insert_with(|| cx.new_slot());
        self.encoding.push((place, path.to_path_buf()));
        cx.send(Command::Encode { slot, model: info.model.clone(), path: path.to_path_buf() });
    }

    /// The place and the latent of a picture that came back from the encoder.
    pub fn encoded(&mut self, event: &Event) -> Option<(usize, Latent)> {
        if let Event::Latent(LatentEvent::Inverted { job, found, .. }) = event {
            let at = self.looking.iter().position(|l| l.1 == *job)?;
            return Some((self.looking.remove(at).0, found.latent.clone()));
        }
        let Event::Encoded { slot, path, latent, .. } = event else { return None };
        if Some(*slot) != self.slot {
            return None;
        }
        let at = self.encoding.iter().position(|(_, p)| p == path)?;
        Some((self.encoding.remove(at).0, latent.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_chose_begins_at_the_present_picture() {
        let fresh = [1.0, 2.0, 3.0].map(Anchor::Seed);
        let (mut begun, mut anchors) = (Vec::new(), fresh.clone());
        assert!(begin_at(&mut begun, &mut anchors, &fresh, &Latent::Seed { seed: 42 }));
        assert_eq!(anchors, [42.0, 2.0, 3.0].map(Anchor::Seed));
        assert!(begin_at(&mut begun, &mut anchors, &fresh, &Latent::Seed { seed: 3 }), "and follows it");
        assert_eq!(anchors, [3.0, 2.0, 1.0].map(Anchor::Seed));
        anchors[1] = Anchor::Seed(7.0);
        assert!(!begin_at(&mut begun, &mut anchors, &fresh, &Latent::Seed { seed: 5 }), "what was chosen stays");
        assert_eq!(anchors[0], Anchor::Seed(3.0));
    }
}
