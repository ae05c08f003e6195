use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::recipe::Recipe;
use crate::ui::action::{Action, ViewMessage};
use crate::ui::views::explore::testing::{Stage, harness};

fn prior() -> ModelInfo {
    let mut recipe = Recipe { name: "words".into(), ..Recipe::default() };
    recipe.model.id = crate::recipe::architecture::GPT.id.into();
    recipe.model.tokens.words = ["green", "glasses"].map(String::from).to_vec();
    ModelInfo { model: "/runs/words".into(), name: "words".into(), ..ModelInfo::of(&recipe, "abc".into()) }
}

fn view() -> Harness<'static, Stage<DrawView>> {
    let mut h = harness(Stage::new(DrawView::default()));
    h.state_mut().studio.models.push(prior());
    h.run_steps(3);
    h
}

fn drawn(h: &Harness<'static, Stage<DrawView>>) -> Vec<DrawRequest> {
    let request = |command| match command {
        Command::Latent(LatentCommand::DrawTokens { request, .. }) => Some(*request),
        _ => None,
    };
    h.state().engine.take_commands().into_iter().filter_map(request).collect()
}

#[test]
fn without_a_prior_the_page_leads_to_training_one() {
    let h = harness(Stage::new(DrawView::default()));
    assert!(h.query_by_role_and_label(Role::Button, "New run").is_some());
    assert!(h.query_by_role_and_label(Role::Button, "Draw").is_none());
}

#[test]
fn words_are_drawn_and_another_token_draws_the_rest_anew() {
    let mut h = view();
    h.state_mut().view.prompt = "green glases".into();
    h.run_steps(3);
    assert!(h.query_by_label_contains("is not known").is_some());
    h.get_by_role_and_label(Role::Button, "glasses").click();
    h.run_steps(3);
    assert_eq!(h.state().view.prompt, "green glasses");
    assert!(h.query_by_label_contains("is not known").is_none());
    drawn(&h);
    h.get_by_role_and_label(Role::Button, "Draw").click();
    h.run_steps(6);
    let asked = drawn(&h).remove(0);
    assert_eq!((asked.prompt.as_str(), asked.seed, asked.given.len()), ("green glasses", 1, 0));
    assert_eq!(h.state().view.tokens.len(), 4);
    assert!(!h.state().view.drawing);
    // The middle of two rows and columns is the last of the four.
    h.get_by_role_and_label(Role::Button, "The picture").click();
    h.run_steps(4);
    let place = h.state().view.selected.unwrap();
    h.get_by_role_and_label(Role::Button, "Token 7 · 25.0 %").click();
    h.run_steps(6);
    let again = drawn(&h).remove(0);
    assert_eq!(again.given.len(), place + 1);
    assert_eq!((again.given[place], again.seed), (7, 1));
    assert_eq!(h.state().view.tokens[place].id, 7);
}

#[test]
fn an_empty_prompt_says_so_and_settings_are_kept() {
    let mut h = view();
    assert!(h.query_by_label_contains("Without a prompt").is_some());
    h.get_by_role_and_label(Role::Button, "Draw with the next seed").click();
    h.run_steps(6);
    assert_eq!(drawn(&h).last().unwrap().seed, 2);
    let mut other = DrawView::default();
    other.restore(&h.state().view.save());
    assert_eq!((other.seed, other.choosing), (2, Choosing::default()));
    other.restore(&serde_json::json!({ "seed": "much" }));
    assert_eq!(other.seed, 2, "what is no seed is left alone");
}

#[test]
fn a_word_is_replaced_wherever_it_stands() {
    assert_eq!(with_word("Green, glases! and", "glases", "glasses"), "Green, glasses and");
    assert_eq!(with_word("red", "blue", "green"), "red");
}

#[test]
fn real_pictures_are_found_by_the_prompt_and_drawn_from() {
    let mut h = view();
    h.state_mut().view.prompt = "green glasses".into();
    h.run_steps(3);
    // The inspector is a panel of its own; what it asks for goes the same way.
    let info = prior();
    h.state_mut().call(|view, cx| {
        let job = cx.new_job();
        let ask = crate::engine::latent::retrieval::FindReal { text: view.prompt.clone(), ..Default::default() };
        view.real.expect(job);
        cx.send(Command::Latent(LatentCommand::FindReal { job, model: info.model.clone(), ask: Box::new(ask) }));
    });
    h.run_steps(8);
    let asked = drawn(&h).pop().expect("it is drawn at once");
    let retrieved = asked.retrieved.expect("with their tokens");
    assert_eq!((retrieved.tokens.len(), retrieved.strength, asked.prompt.as_str()), (2, 0.5, "green glasses"));
    assert!(h.state().view.nearest.as_ref().unwrap().0.is_suspect());
    // Without a prompt their words stand in front; without them all is as it was.
    h.state_mut().view.prompt = String::new();
    h.state_mut().view.real.grounding.strength = 0.25;
    h.state_mut().call(|view, cx| view.draw(cx, Vec::new()));
    let asked = drawn(&h).pop().unwrap();
    assert_eq!((asked.prompt.as_str(), asked.retrieved.unwrap().strength), ("a picture", 0.25));
    h.state_mut().view.real.clear();
    h.state_mut().call(|view, cx| view.draw(cx, Vec::new()));
    assert_eq!(drawn(&h).pop().unwrap().retrieved, None);
}

#[test]
fn an_earlier_prompt_is_gone_back_to_and_gone_on_from() {
    let mut h = view();
    h.get_by_role_and_label(Role::Button, "Go back to prompt 41: red glasses").click();
    h.run_steps(3);
    assert_eq!(h.state().view.prompt, "red glasses");
    assert!(h.query_by_label_contains("Goes on from").is_some());
    h.state().engine.take_commands();
    h.get_by_role_and_label(Role::Button, "Draw").click();
    h.run_steps(6);
    let sent = h.state().engine.take_commands();
    let after = sent.iter().find_map(|c| match c {
        Command::Latent(LatentCommand::DrawTokens { after, session, .. }) => Some((*after, *session)),
        _ => None,
    });
    let (after, session) = after.unwrap();
    assert_eq!(after, Some(41));
    // What came of it is kept with its prompt.
    let noted = crate::engine::RecordsEvent::PromptNoted { session, prompt: 43 };
    h.state().engine.push(Event::Records(Box::new(noted)));
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Where does this come from?").click();
    h.run_steps(4);
    let of = |m: &ViewMessage| matches!(m, ViewMessage::Origin(names) if names == "#43\nabc");
    let asked = |a: &Action| matches!(a, Action::Deliver(ViewId::Gallery, m) if of(m));
    assert!(h.state().actions.iter().any(asked), "{:?}", h.state().actions);
    h.get_by_role_and_label(Role::Button, "Keep").click();
    h.run_steps(4);
    let sent = h.state().engine.take_commands();
    let kept = |c: &Command| matches!(c, Command::Records(RecordsCommand::KeepDrawn { prompt: Some(43), .. }));
    assert!(sent.iter().any(kept), "{sent:?}");
    assert!(h.query_by_label("Kept in the gallery").is_some());
}
