//! The history, what is kept beside it, and places that outlive their model.

use super::*;

#[test]
fn another_model_is_never_asked_for_styles_that_it_does_not_have() {
    let mut h = styled();
    let dim = h.state().view.info(&h.state().studio).unwrap().latent as usize;
    let style = Latent::of(Place { space: Space::W, values: vec![0.5; dim], ..Place::default() });
    h.state_mut().view.state.here.latent = style.clone();
    h.state_mut().view.state.walk.stops.push(style.clone().into());
    h.state_mut().view.state.between.ends[1] = style.clone().into();
    h.run_steps(4);
    assert!(h.state().view.history.stops().iter().any(|s| s.viewpoint.latent == style));
    requests(&h);
    let plain = h.state().studio.models[1].model.clone();
    h.state_mut().studio.selection.model = Some(plain.clone());
    for on in TABS.iter().map(|t| t.id) {
        h.state_mut().view.set_tab(on);
        h.run_steps(4);
    }
    let of_plain: Vec<_> = requests(&h).into_iter().filter(|r| r.model == plain).collect();
    assert!(!of_plain.is_empty());
    assert!(of_plain.iter().all(|r| r.latents.iter().all(|l| l.place().space == Space::Z)));
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 1 });
    assert!(state(&h).provenance.contains("style"), "it is said why: {}", state(&h).provenance);
    // What was kept by an earlier version is cleaned when it is read.
    let mut kept = h.state().view.save();
    kept["state"]["here"]["latent"] = serde_json::to_value(&style).unwrap();
    kept["history"] = serde_json::json!([
        { "model": plain, "latent": style, "truncation": 1.0 },
        { "model": plain, "latent": { "kind": "seed", "seed": 4 }, "truncation": 1.0 },
    ]);
    h.state_mut().view.restore(&kept);
    h.run_steps(6);
    assert!(requests(&h).iter().all(|r| r.latents.iter().all(|l| l.place().space == Space::Z)));
    assert!(!h.state().view.save().to_string().contains(r#""space":"w""#));
}

#[test]
fn a_picture_of_the_history_erases_nothing_and_undo_leads_back() {
    let mut h = explore();
    for seed in [5, 9, 3] {
        h.get_by_label(&format!("Seed {seed}")).click();
        h.run_steps(4);
    }
    h.get_by_label("Place 2: seed 5").click();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 5 });
    let seeds = |h: &Harness<'static, Stage<ExploreView>>| -> Vec<u64> {
        h.state().view.history.stops().iter().filter_map(|s| s.viewpoint.latent.seed()).collect()
    };
    assert_eq!(seeds(&h), [1, 5, 9, 3]);
    h.get_by_label("Seed 7").click();
    h.run_steps(4);
    assert_eq!(seeds(&h), [1, 5, 9, 3, 7], "a new branch goes to the end");
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!((state(&h).here.latent.seed(), seeds(&h).len()), (Some(5), 5));
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent.seed(), Some(3), "opening an old picture is a step of Undo");
    assert_eq!(h.state().view.history.at(), 3);
}

#[test]
fn a_picture_that_cannot_be_made_is_asked_for_once_and_can_be_removed() {
    let mut h = explore();
    h.get_by_label("Seed 5").click();
    h.run_steps(4);
    let model = state(&h).here.model.clone().unwrap();
    h.state().engine.hold_answers(true);
    let dead = Viewpoint { model: Some(model), latent: Latent::Seed { seed: 666 }, truncation: 1.0 };
    let here = state(&h).here.clone();
    h.state_mut().view.history.restore(&[dead, here]);
    requests(&h);
    h.run_steps(2);
    let asked = requests(&h);
    let of_it = |r: &&GenerateRequest| r.latents.contains(&Latent::Seed { seed: 666 });
    let request = asked.iter().find(of_it).expect("it is asked for once").clone();
    let problem = crate::base::Problem::failed("Its weights are damaged");
    let failed = Event::NotGenerated { slot: request.slot, ticket: request.ticket, problem };
    h.state_mut().call(|view, cx| view.on_event(&failed, cx));
    h.state().engine.hold_answers(false);
    h.run_steps(30);
    assert!(!requests(&h).iter().any(|r| r.latents.contains(&Latent::Seed { seed: 666 })));
    h.get_by_role_and_label(Role::Button, "Remove place 1 from the history").click();
    h.run_steps(3);
    assert_eq!(h.state().view.history.stops().len(), 1);
}

#[test]
fn a_picture_of_another_model_is_opened_with_that_model() {
    let mut h = explore();
    h.get_by_label("Seed 5").click();
    h.run_steps(4);
    let (first, other) = {
        let models = &h.state().studio.models;
        (models[0].clone(), models.iter().find(|m| m.architecture != models[0].architecture).unwrap().clone())
    };
    let parcel = ViewMessage::Explore {
        model: other.model.clone(),
        latent: None,
        truncation: 0.7,
        from: Some("From Home".into()),
    };
    h.state_mut().call(|view, cx| view.receive(&parcel, cx));
    h.run_steps(6);
    assert_eq!(state(&h).provenance, "From Home");
    let place = h.state().view.history.stops().iter().position(|s| s.viewpoint.model.as_ref() == Some(&first.model));
    let name = format!("Place {}: ", place.unwrap() + 1);
    h.get_by_role_and_label(Role::Button, &format!("{name}seed 1")).click_secondary();
    h.run_steps(4);
    assert!(h.query_by_label_contains(&format!("Made by {}", first.name)).is_some(), "it says why");
    assert!(h.query_by_label("Keep in the gallery").is_none());
    h.get_by_role_and_label(Role::Button, &format!("Open with {}", first.name)).click();
    h.run_steps(6);
    assert_eq!(state(&h).here.model.as_ref(), Some(&first.model));
    assert_eq!((state(&h).here.latent.seed(), state(&h).provenance.as_str()), (Some(1), "From history"));
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!(state(&h).here.model.as_ref(), Some(&other.model), "one step of Undo");
}

#[test]
fn kept_pictures_lie_beside_the_history() {
    let stage = Stage::new(ExploreView::default());
    let info = stage.studio.models[0].clone();
    let mut item = crate::engine::fake::items(1).remove(0);
    item.id = 900;
    let mut recipe = item.recipe.clone().expect("it says how it was made");
    (recipe.model_hash, recipe.latent, recipe.truncation) = (info.hash.clone(), Latent::Seed { seed: 77 }, 0.8);
    item.recipe = Some(recipe);
    let filter = crate::engine::ItemFilter { model: Some(info.name.clone()), ..Default::default() };
    stage.engine.hold_answers(false);
    let mut h = harness(stage);
    let items = std::sync::Arc::new(vec![item]);
    h.state().engine.push(Event::Items { filter, items });
    h.run_steps(4);
    h.get_by_label("Kept picture 900: seed 77").click();
    h.run_steps(4);
    assert_eq!((state(&h).here.latent.seed(), state(&h).here.truncation), (Some(77), 0.8));
    assert_eq!(state(&h).provenance, "From the kept pictures");
    h.get_by_label("Hide kept pictures (1)").click();
    h.run_steps(3);
    assert!(h.query_by_label("Kept picture 900: seed 77").is_none());
}

#[test]
fn what_an_earlier_version_kept_is_read() {
    let mut view = ExploreView::default();
    view.restore(&serde_json::json!({
        "desk": { "here": { "model": "nouns-gan", "latent": { "kind": "seed", "seed": 9 } }, "sheet": { "first": 40 } },
        "tab": "traverse",
        "trail": [{ "model": "nouns-gan", "latent": { "kind": "seed", "seed": 4 }, "truncation": 1.0 }],
    }));
    assert_eq!((view.tab, view.state.here.latent.seed(), view.state.samples.first), ("sliders", Some(9), 40));
    assert_eq!(view.history.stops()[0].viewpoint.latent.seed(), Some(4));
}
