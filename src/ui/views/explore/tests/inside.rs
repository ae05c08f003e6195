//! Looking inside: activations, codes, anomalies.

use super::*;
use crate::latent::activations::Channel;
use crate::latent::activations::Look;
use crate::ui::views::explore::tabs::activations::Activations;
use crate::ui::views::explore::tabs::inside_state::ChannelOrder;

type Explore = Harness<'static, Stage<ExploreView>>;

fn on_model(model: &str) -> Explore {
    let mut stage = Stage::new(ExploreView::default());
    let parcel = ViewMessage::Explore { model: model.into(), latent: None, truncation: 1.0, from: None };
    stage.call(|view, cx| view.receive(&parcel, cx));
    let mut h = harness(stage);
    tab(&mut h, "activations");
    h
}

fn click(h: &mut Explore, role: Role, name: &str) {
    h.get_by_role_and_label(role, name).click();
    h.run_steps(6);
}

fn looks(h: &Explore) -> Vec<Look> {
    asked(h)
        .into_iter()
        .filter_map(|c| if let LatentCommand::Inside { look, .. } = c { Some(look) } else { None })
        .collect()
}

#[test]
fn a_channel_is_switched_off_and_on_and_undo_knows() {
    let mut h = on_nouns("activations");
    assert_eq!(looks(&h).len(), 1, "one look is enough");
    click(&mut h, Role::Button, "Channel 3");
    let channel = Channel { tap: 0, channel: 3 };
    assert_eq!(state(&h).inside.off, [channel]);
    assert_eq!(looks(&h), [Look { tap: 0, off: vec![channel], without_noise: false }]);
    assert!(h.query_by_label("1 channel is switched off").is_some());
    assert!(h.query_by_label("Layer 1: 3").is_some());
    assert_eq!(h.state().undo.last().unwrap().0, "switch a channel off");
    // It stays off while one looks at another layer.
    click(&mut h, Role::ComboBox, "Layer");
    click(&mut h, Role::Button, "Layer 3 · 32 × 32, 16 channels");
    assert_eq!(looks(&h).last().unwrap(), &Look { tap: 2, off: vec![channel], without_noise: false });
    click(&mut h, Role::Button, "Switch all on");
    assert!(state(&h).inside.off.is_empty());
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!(state(&h).inside.off, [channel]);
    // Channels of another model are others.
    let other = ViewMessage::Explore { model: "emoji-faces-gan".into(), latent: None, truncation: 1.0, from: None };
    h.state_mut().call(|view, cx| view.receive(&other, cx));
    tab(&mut h, "activations");
    assert!(looks(&h).last().unwrap().off.is_empty());
    assert!(h.query_by_label("Switch all on").is_none());
    click(&mut h, Role::Button, "Channel 5");
    assert_eq!(state(&h).inside.off, [Channel { tap: 2, channel: 5 }]);
}

#[test]
fn noise_is_left_out_where_there_is_some() {
    let mut h = on_nouns("activations");
    assert!(h.query_by_label("Noise").is_none());
    h.state_mut().view.state.inside.without_noise = true;
    h.run_steps(3);
    assert!(looks(&h).iter().all(|l| !l.without_noise), "what has no noise is as it is");
    let mut models = crate::engine::fake::models();
    models.iter_mut().for_each(|m| m.recipe.model.id = "style-gan".into());
    let script = crate::engine::fake::Script { models, ..Default::default() };
    let engine = crate::engine::fake::ScriptedEngine::with(script);
    let mut h = harness(Stage::with(ExploreView::default(), engine));
    tab(&mut h, "activations");
    looks(&h);
    click(&mut h, Role::Button, "Noise");
    assert!(state(&h).inside.without_noise);
    assert!(looks(&h).last().unwrap().without_noise);
    assert_eq!(h.state().undo.last().unwrap().0, "switch the noise");
}

#[test]
fn b_shows_the_picture_before() {
    let mut h = on_nouns("activations");
    click(&mut h, Role::Button, "Channel 1");
    let features = h.state().view.at::<Activations>();
    let (before, after) = features.pictures_of();
    assert!(before.unwrap() != after.unwrap(), "without a channel it is another picture");
    assert!(h.query_by_label("Hold B to see the picture before").is_some());
    let shown = |h: &Explore, name| h.query_all_by_role_and_label(Role::Image, name).count();
    assert_eq!((shown(&h, "Before"), shown(&h, "After")), (1, 1));
    h.key_down(Key::B);
    h.run_steps(2);
    assert_eq!((shown(&h, "Before"), shown(&h, "After")), (2, 0), "it takes the other's place");
    h.key_up(Key::B);
    h.run_steps(2);
    assert_eq!(shown(&h, "After"), 1);
}

#[test]
fn effects_are_measured_shown_and_ordered_by() {
    let mut h = on_nouns("activations");
    asked(&h);
    click(&mut h, Role::Button, "Measure effects");
    let measured = |c: &LatentCommand| matches!(c, LatentCommand::ChannelEffects { tap: 0, .. });
    assert_eq!(asked(&h).iter().filter(|c| measured(c)).count(), 1);
    click(&mut h, Role::RadioButton, "Order: Effect");
    assert_eq!(state(&h).inside.order, ChannelOrder::Effect);
    assert!(h.query_by_label_contains("Measure effects first").is_none());
    let at = |h: &Explore, c: u32| h.get_by_role_and_label(Role::Button, &format!("Channel {c}")).rect().min;
    assert!(at(&h, 0).x < at(&h, 1).x, "the made effects fall");
    // Elsewhere they are of another picture.
    click(&mut h, Role::Button, "Random seed (R)");
    assert!(h.query_by_label("These effects are of another picture").is_some());
}

#[test]
fn the_use_of_codes_is_measured_and_leads_to_sliders() {
    let mut h = on_model("shapes-beta-vae");
    tab(&mut h, "codes");
    asked(&h);
    click(&mut h, Role::Button, "Measure on the data");
    let measured = |c: &LatentCommand| matches!(c, LatentCommand::CodeUse { data, .. } if data.is_empty());
    assert!(asked(&h).iter().any(measured));
    assert!(h.query_by_label_contains("dimensions used").is_some());
    click(&mut h, Role::Button, "Dimension 4");
    let info = h.state().view.info(&h.state().studio).unwrap();
    let place = tabs::sliders::order(&info).iter().position(|d| *d == 4).unwrap();
    assert_eq!(h.state().view.tab, "sliders");
    // The last rows fill the page, so the dimension stands first only where enough come after it.
    let sliders = &state(&h).sliders;
    assert_eq!(sliders.first as usize, place.min((info.latent - sliders.rows) as usize));
    assert!(h.query_all_by_label_contains("Dimension 4 at ").next().is_some(), "it is among the rows");
}

#[test]
fn a_dropped_picture_shows_where_it_does_not_come_back() {
    let mut h = on_model("fashion-vae");
    tab(&mut h, "anomalies");
    asked(&h);
    let file = PathBuf::from("/x/shoe.png");
    let folder = PathBuf::from("/x/shoes");
    assert!(!h.state_mut().call(|view, cx| view.on_drop(&[folder], cx)), "a folder goes where it belongs");
    assert!(h.state_mut().call(|view, cx| view.on_drop(std::slice::from_ref(&file), cx)));
    h.run_steps(6);
    assert_eq!(state(&h).inside.picture.as_ref(), Some(&file));
    let sent = asked(&h);
    let wanted = |c: &&LatentCommand| matches!(c, LatentCommand::Anomaly { input, .. } if *input == file);
    assert_eq!(sent.iter().filter(wanted).count(), 1);
    for name in ["Your picture", "What comes back", "Where it fails"] {
        assert!(h.query_by_role_and_label(Role::Image, name).is_some(), "{name}");
    }
    assert!(h.query_by_label("4.0 times the usual error").is_some());
    assert!(h.query_by_label("This picture lies outside of what the model knows").is_some());
    // Of several, one after the other is looked at.
    let several = ["/x/a.png", "/x/b.png", "/x/notes.txt"].map(PathBuf::from);
    assert!(h.state_mut().call(|view, cx| view.on_drop(&several, cx)));
    h.run_steps(4);
    assert!(state(&h).inside.picture.as_ref() == Some(&several[0]) && h.query_by_label("1 of 2").is_some());
    click(&mut h, Role::Button, "Picture after");
    assert_eq!(state(&h).inside.picture.as_ref(), Some(&several[1]));
    h.state_mut().view.state.inside.picture = None;
    h.run_steps(3);
    assert!(h.query_by_role_and_label(Role::Button, "Choose pictures…").is_some());
    assert!(h.query_by_label_contains("folder").is_none(), "one picture or several");
    // A GAN has no codes and takes no picture here.
    let mut h = on_nouns("activations");
    tab(&mut h, "codes");
    assert!(h.query_by_label("This model has no codes").is_some());
    tab(&mut h, "anomalies");
    assert!(!h.state_mut().call(|view, cx| view.on_drop(&[file], cx)));
}

#[test]
fn a_look_that_never_comes_is_given_up_and_tried_again() {
    let mut h = on_nouns("activations");
    let features = h.state_mut().view.at_mut::<Activations>();
    features.lose();
    h.run_steps(3);
    assert!(h.query_by_label("The activations of this model could not be read").is_some());
    asked(&h);
    click(&mut h, Role::Button, "Try again");
    assert_eq!(looks(&h).len(), 1);
    assert!(h.query_by_label("Channel 3").is_some());
    // News of other lookers are not taken.
    let stray = LatentEvent::ChannelEffects { job: 99_999, model: "nouns-gan".into(), tap: 0, effects: vec![1.0; 16] };
    h.state_mut().call(|view, cx| view.on_event(&Event::Latent(stray), cx));
    click(&mut h, Role::RadioButton, "Order: Effect");
    assert!(h.query_by_label_contains("Measure effects first").is_some());
}
