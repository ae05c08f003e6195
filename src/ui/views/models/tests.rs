use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::ui::views::explore::testing::{Stage, harness};

impl ModelsView {
    /// Compares with another model.
    pub fn against_for_test(&mut self, model: ModelRef) {
        self.against = Some(model);
    }
}

fn models() -> Harness<'static, Stage<ModelsView>> {
    harness(Stage::new(ModelsView::default()))
}

fn open(h: &mut Harness<'static, Stage<ModelsView>>, model: &ModelInfo) {
    let parcel = ViewMessage::Model(model.model.clone());
    h.state_mut().call(|view, cx| view.receive(&parcel, cx));
    h.run_steps(4);
}

fn delivered(h: &Harness<'static, Stage<ModelsView>>, to: ViewId) -> Option<ViewMessage> {
    h.state().actions.iter().find_map(|a| match a {
        Action::Deliver(view, parcel) if *view == to => Some((**parcel).clone()),
        _ => None,
    })
}

#[test]
fn contact_sheets_are_asked_for_once() {
    let mut h = models();
    h.run_steps(5);
    let sheets: Vec<_> = h
        .state()
        .engine
        .take_commands()
        .into_iter()
        .filter_map(|c| if let Command::ContactSheet { model } = c { Some(model) } else { None })
        .collect();
    let mut unique = sheets.clone();
    unique.sort();
    unique.dedup();
    assert!(!sheets.is_empty() && unique.len() == sheets.len(), "{sheets:?}");
}

#[test]
fn a_broken_model_is_shown_with_its_reason() {
    use crate::engine::Event;
    use crate::models::info::BrokenModel;
    let mut h = models();
    let broken = BrokenModel {
        model: "mine".into(),
        name: "mine".into(),
        path: "/nowhere/mine.safetensors".into(),
        broken: crate::base::Problem::data("These weights belong to another network").because("fc.weight"),
    };
    h.state_mut().studio.apply(&Event::BrokenModels(vec![broken]));
    h.run_steps(4);
    h.get_by_label("Broken");
    h.get_by_label("mine");
    h.get_by_label("These weights belong to another network: fc.weight");
    h.get_by_role_and_label(Role::Button, "Show mine in its folder");
    // The others are there as before.
    let first = h.state().studio.models[0].clone();
    h.get_by_role_and_label(Role::Button, &first.name);
}

#[test]
fn a_card_leads_to_explore() {
    let mut h = models();
    let first = h.state().studio.models[0].clone();
    h.get_by_role_and_label(Role::Button, &first.name).click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Explore").click();
    h.run_steps(4);
    let Some(ViewMessage::Explore { model, .. }) = delivered(&h, ViewId::Explore) else { panic!() };
    assert_eq!(model, first.model);
}

#[test]
fn a_prior_is_fitted_switched_and_held_against_the_standard_normal() {
    let mut h = models();
    let vae = h.state().studio.models.iter().find(|m| m.family == crate::base::Family::Vae).unwrap().clone();
    let gan = h.state().studio.models.iter().find(|m| m.family == crate::base::Family::Gan).unwrap().clone();
    open(&mut h, &gan);
    assert!(h.query_by_label_contains("Fit a").is_none(), "a GAN has no codes");
    open(&mut h, &vae);
    let press = |h: &mut Harness<'static, Stage<ModelsView>>, role, name: &str| {
        h.get_by_role_and_label(role, name).scroll_to_me();
        h.run_steps(4);
        h.get_by_role_and_label(role, name).click();
        h.run_steps(8);
    };
    press(&mut h, Role::Button, "Fit a prior");
    assert!(h.state().studio.model(&vae.model).unwrap().prior.as_ref().is_some_and(|p| p.on));
    press(&mut h, Role::Button, "Compare with the standard normal");
    assert!(
        h.query_by_label("Fitted prior, seed 16").is_some() && h.query_by_label("Standard normal, seed 1").is_some()
    );
    press(&mut h, Role::CheckBox, "Sample from it");
    let sent = h.state().engine.take_commands();
    assert!(sent.iter().any(|c| matches!(c, Command::UsePrior { on: false, .. })), "{sent:?}");
    assert!(!h.state().studio.model(&vae.model).unwrap().prior.as_ref().unwrap().on);
}

#[test]
fn the_difference_of_two_recipes_names_the_settings() {
    let mut h = models();
    let (mut a, mut b) = (h.state().studio.models[0].clone(), h.state().studio.models[1].clone());
    b.recipe = a.recipe.clone();
    a.recipe.optim.batch = 32;
    b.recipe.optim.batch = 48;
    h.state_mut().studio.models[0] = a.clone();
    h.state_mut().studio.models[1] = b.clone();
    open(&mut h, &a);
    h.state_mut().call(|view, cx| view.act(Deed::Compare(b.model.clone()), cx));
    h.run_steps(4);
    for text in ["1 setting differs", "Batch", "32 pictures", "48 pictures"] {
        assert!(h.query_by_label(text).is_some(), "{text}");
    }
    assert!(h.query_by_label("Learning rate").is_none());
}

#[test]
fn fine_tuning_hands_the_recipe_and_the_parent_to_train() {
    let mut h = models();
    let first = h.state().studio.models[0].clone();
    open(&mut h, &first);
    h.get_by_role_and_label(Role::Button, "Fine-tune…").click();
    h.run_steps(4);
    let Some(ViewMessage::SetUp { recipe, from }) = delivered(&h, ViewId::Train) else { panic!() };
    assert_eq!(from, Some(first.model));
    assert_eq!(recipe.data, first.recipe.data);
}

#[test]
fn shipped_models_cannot_be_deleted_and_others_say_what_is_lost() {
    let mut h = models();
    let shipped = h.state().studio.models.iter().find(|m| m.shipped).unwrap().clone();
    open(&mut h, &shipped);
    assert!(h.query_by_label("Delete… (Del)").is_none());
    let Some(mine) = h.state().studio.models.iter().find(|m| !m.shipped).cloned() else { return };
    open(&mut h, &mine);
    h.key_press(Key::Delete);
    h.run_steps(4);
    assert!(h.query_by_label(&format!("Delete {}?", mine.name)).is_some());
    h.state().engine.take_commands();
    h.get_by_role_and_label(Role::Button, "Delete").click();
    h.run_steps(4);
    let sent = h.state().engine.take_commands();
    assert!(sent.iter().any(|c| matches!(c, Command::TrashRun { .. } | Command::TrashModel { .. })), "{sent:?}");
}

#[test]
fn weights_are_written_where_the_dialog_says() {
    let mut h = models();
    let first = h.state().studio.models[0].clone();
    h.state_mut().call(|view, cx| view.act(Deed::Export(first.model.clone()), cx));
    assert!(h.state().actions.iter().any(|a| matches!(a, Action::Pick(p) if p.purpose == PURPOSE_WEIGHTS)));
    h.state().engine.take_commands();
    let parcel = ViewMessage::Picked { purpose: PURPOSE_WEIGHTS, paths: vec!["/tmp/mine".into()] };
    h.state_mut().call(|view, cx| view.receive(&parcel, cx));
    let sent = h.state().engine.take_commands();
    assert!(
        matches!(&sent[..], [Command::ExportModel { model, out, .. }]
            if *model == first.model && out.as_path() == std::path::Path::new("/tmp/mine.safetensors")),
        "{sent:?}"
    );
    h.run_steps(3);
    assert!(h.query_by_label("Open folder").is_some());
}

#[test]
fn weights_that_could_not_be_written_are_tried_again_without_asking() {
    let mut h = models();
    let first = h.state().studio.models[0].clone();
    h.state_mut().engine.hold_answers(true);
    h.state_mut().call(|view, cx| view.write(first.model.clone(), "/full/disk.safetensors".into(), cx));
    let job = h.state().view.writing.as_ref().unwrap().0;
    let problem = crate::base::Problem::failed("The disk is full");
    h.state().engine.push(Event::JobEnded { job, problem: Some(problem) });
    h.run_steps(4);
    h.state().engine.take_commands();
    h.get_by_role_and_label(Role::Button, "Try again").click();
    h.run_steps(4);
    let sent = h.state().engine.take_commands();
    let same = |c: &Command| {
        matches!(c, Command::ExportModel { model, out, .. }
            if *model == first.model && out.as_path() == std::path::Path::new("/full/disk.safetensors"))
    };
    assert!(sent.iter().any(same), "{sent:?}");
}

#[test]
fn the_page_lists_scores_and_has_them_measured() {
    let mut h = models();
    let first = h.state().studio.models[0].clone();
    open(&mut h, &first);
    h.get_by_role_and_label(Role::Button, "Measure").click();
    h.run_steps(4);
    let sent = h.state().engine.commands();
    assert!(sent.contains(&Command::KnownScores { model: first.model.clone() }));
    assert!(sent.iter().any(|c| matches!(c, Command::Evaluate { model, .. } if *model == first.model)));
    assert!(h.state().studio.evaluations[&first.model].scores.iter().any(|s| s.name == "kid"));
    // Shipped models come without their pictures: others can be named.
    h.get_by_label("Data to compare with").focus();
    h.run_steps(2);
    h.get_by_label("Data to compare with").type_text("/pictures/nouns");
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Measure").click();
    h.run_steps(4);
    let named = |c: &Command| matches!(c, Command::Evaluate { data: Some(d), .. } if d == "/pictures/nouns");
    assert!(h.state().engine.commands().iter().any(named));
}
