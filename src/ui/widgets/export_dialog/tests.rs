use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::*;
use crate::engine::Event;
use crate::ui::views::explore::testing::{Stage, harness};
use crate::ui::views::gallery::GalleryView;
use crate::ui::views::{View, ViewId};

#[test]
fn one_picture_is_no_film() {
    let mut dialog = ExportDialog::default();
    let subject = |n: usize| Subject::Items((0..n as i64).collect());
    let settings = ExportOptions { format: "mp4".into(), ..ExportOptions::default() };
    dialog.begin(subject(1), "a", 32.into(), None, &settings);
    assert_eq!(dialog.open.as_ref().unwrap().options.format, "png");
    dialog.begin(subject(2), "a", 32.into(), None, &settings);
    assert_eq!(dialog.open.as_ref().unwrap().options.format, "mp4");
    let mut none = ExportDialog::default();
    none.begin(subject(0), "a", 32.into(), None, &settings);
    assert!(!none.is_open());
}

/// A gallery with the dialog open on all of its pictures.
fn opened() -> Harness<'static, Stage<GalleryView>> {
    opened_with(ExportOptions::default())
}

fn opened_with(options: ExportOptions) -> Harness<'static, Stage<GalleryView>> {
    let mut stage = Stage::new(GalleryView::default());
    stage.studio.settings.export = options;
    stage.studio.exports = "/home/me/Pictures/Latent Studio".into();
    let mut h = harness(stage);
    h.state_mut().call(|view, cx| view.on_command(crate::ui::command::UiCommand::Export, cx));
    h.run_steps(4);
    h
}

#[test]
fn marks_are_offered_where_they_belong_and_near_copies_are_told() {
    let h = opened();
    let disabled = |h: &Harness<'static, Stage<GalleryView>>| {
        h.get_by_role_and_label(Role::CheckBox, "Watermark").accesskit_node().is_disabled()
    };
    assert!(disabled(&h), "pictures of 32 pixels have no room for a mark");
    assert!(h.query_by_label_contains("Pillow").is_some(), "which programs lose the recipe");
    let mut h = opened_with(ExportOptions { scale: 16, filter: "lanczos".into(), ..ExportOptions::default() });
    assert!(!disabled(&h));
    assert!(h.query_by_label_contains("copied from what the model learned").is_none());
    h.get_by_role_and_label(Role::CheckBox, "Certificate").click();
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let (_, options) = sent(&h).unwrap();
    assert!(options.watermark && options.certificate);
}

fn sent(h: &Harness<'static, Stage<GalleryView>>) -> Option<(JobId, ExportOptions)> {
    h.state().engine.take_commands().into_iter().find_map(|c| match c {
        Command::ExportItems { job, options, .. } => Some((job, options)),
        _ => None,
    })
}

#[test]
fn a_place_is_proposed_so_that_one_click_exports() {
    let mut h = opened();
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let (_, options) = sent(&h).unwrap();
    assert_eq!(options.out, PathBuf::from("/home/me/Pictures/Latent Studio"));
    let kept = h.state().actions.iter().rev().find_map(|a| match a {
        Action::Settings(settings) => Some(settings.clone()),
        _ => None,
    });
    let kept = kept.unwrap();
    assert_eq!(kept.export_folders["pictures"], options.out);
    assert!(kept.export.out.as_os_str().is_empty(), "what was written last is not the folder of the settings");
    // What was written is shown, with ways to it.
    assert!(h.query_by_role_and_label(Role::Button, "Open folder").is_some());
}

#[test]
fn after_a_failure_the_form_is_there_as_it_was() {
    let mut h = opened();
    h.state_mut().engine.hold_answers(true);
    h.get_by_label("File name pattern").focus();
    h.run_steps(2);
    h.get_by_label("File name pattern").type_text("-mine");
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let (job, options) = sent(&h).unwrap();
    assert!(options.pattern.contains("-mine"), "{}", options.pattern);
    let problem = Problem::failed("The disk is full").of("/home").try_this("Free some space");
    h.state().engine.push(Event::JobEnded { job, problem: Some(problem) });
    // The dialog is as high as the form at once, so that its buttons stand still.
    h.run_steps(6);
    assert!(h.query_by_label("The disk is full").is_some());
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    assert_eq!(sent(&h).unwrap().1, options, "the second try is as the first");
    assert_eq!(h.state().view.id(), ViewId::Gallery);
}

fn choose(h: &mut Harness<'static, Stage<GalleryView>>, combo: &str, option: &str) {
    h.get_by_role_and_label(Role::ComboBox, combo).click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, option).click();
    h.run_steps(4);
}

#[test]
fn pictures_leave_in_a_size_that_can_be_posted() {
    let mut h = opened();
    choose(&mut h, "Size", "Square post, 1080 × 1080");
    h.get_by_role_and_label(Role::Button, "White").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let canvas = sent(&h).unwrap().1.canvas.unwrap();
    assert_eq!((canvas.width, canvas.height, canvas.colour), (1080, 1080, [255; 4]));
}

#[test]
fn a_sprite_sheet_has_no_gaps_and_a_list_of_its_frames() {
    let mut h = opened();
    choose(&mut h, "Format", "Sprite sheet");
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let (_, options) = sent(&h).unwrap();
    assert_eq!((options.format.as_str(), options.gap, options.frames_json), ("sprites", None, true));
}
