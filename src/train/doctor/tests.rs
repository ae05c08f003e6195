use super::finding::Remedy;
use super::*;
use crate::base::Family;

const TARGET: u64 = 100_000;

fn gan() -> Recipe {
    Recipe::default()
}

fn vae() -> Recipe {
    let mut recipe = Recipe::default();
    recipe.model.id = "conv-vae".into();
    recipe.model.latent = 32;
    assert_eq!(recipe.family().unwrap(), Family::Vae);
    recipe
}

/// A run told of by values at each of 200 places, previews at every tenth.
fn told(recipe: &Recipe, numbers: &dyn Fn(f64) -> Vec<(&'static str, f64)>) -> (Doctor, Vec<Finding>) {
    let mut doctor = Doctor::new(recipe, TARGET, DataFacts { pictures: 5000, classes: Vec::new() });
    let found = go_on(&mut doctor, 1..=200, numbers);
    (doctor, found)
}

fn go_on(
    doctor: &mut Doctor,
    places: std::ops::RangeInclusive<u64>,
    numbers: &dyn Fn(f64) -> Vec<(&'static str, f64)>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for i in places {
        let values = numbers(i as f64 / 200.0);
        // Numbers of a preview come more seldom than losses.
        let rare = |name: &str| {
            ["sample_", "data_", "reconstruction_", "weight", "d_heldout", "valid"].iter().any(|p| name.starts_with(p))
        };
        let values: Vec<(String, f64)> =
            values.into_iter().filter(|v| i % 10 == 0 || !rare(v.0)).map(|(n, v)| (n.to_string(), v)).collect();
        let images = i * TARGET / 200;
        found.extend(doctor.hear(&RunEvent::Reading(Reading { step: i * 8, images, seconds: i as f64, values })));
    }
    found
}

/// What a GAN tells where nothing is wrong.
fn healthy_gan(t: f64) -> Vec<(&'static str, f64)> {
    let wave = (t * 90.0).sin();
    vec![
        ("critic", 0.45 + 0.1 * wave),
        ("generator", 1.1),
        ("d_real", 1.0),
        ("d_fake", -1.0),
        ("d_heldout", 0.8),
        ("sign_rate", 0.7 + 0.1 * wave),
        ("grad_critic", 1.0 + 0.4 * wave),
        ("grad_generator", 0.8),
        ("penalty", 0.1),
        ("weight_generator", 60.0 + 10.0 * t),
        ("weight_critic", 50.0),
        ("sample_variety", 0.5 + 0.45 * t.min(0.5) * 2.0),
        ("sample_detail", 0.8),
        ("sample_lattice", 0.1),
        ("data_lattice", 0.03),
        ("sample_clipped", 0.1),
        ("data_clipped", 0.1),
        ("sample_change", 0.2),
    ]
}

fn healthy_vae(t: f64) -> Vec<(&'static str, f64)> {
    vec![
        ("reconstruction", 500.0 * (-3.0 * t).exp() + 200.0 + (t * 90.0).sin()),
        ("kl", 30.0),
        ("active_units", 20.0),
        ("weight", 60.0 + 10.0 * t),
        ("valid_elbo", -500.0 * (-3.0 * t).exp() - 240.0),
        ("reconstruction_variety", 0.9),
        ("reconstruction_detail", 0.4),
        ("sample_lattice", 0.05),
        ("data_lattice", 0.03),
        ("sample_clipped", 0.1),
        ("data_clipped", 0.1),
    ]
}

fn with(mut values: Vec<(&'static str, f64)>, changed: &[(&'static str, f64)]) -> Vec<(&'static str, f64)> {
    for (name, value) in changed {
        values.retain(|v| v.0 != *name);
        values.push((*name, *value));
    }
    values
}

#[test]
fn healthy_runs_are_left_alone() {
    let (doctor, found) = told(&gan(), &healthy_gan);
    assert_eq!(found, []);
    assert!(doctor.open().is_empty());
    assert_eq!(told(&vae(), &healthy_vae).1, []);
}

/// A row: name, recipe, what changes, and from which share of the run on.
type Case = (&'static str, Recipe, fn(f64) -> Vec<(&'static str, f64)>, f64);

#[test]
fn each_fault_of_a_curve_is_named_soon_after_it_begins_and_alone() {
    let (gan, vae) = (gan(), vae());
    let mut hinge = gan.clone();
    hinge.objective.adversarial = crate::recipe::Adversarial::Hinge;
    let mut adaptive = gan.clone();
    adaptive.objective.augment_control = crate::recipe::AugmentControl::Adaptive;
    let cases: Vec<Case> = vec![
        ("critic-overfits", gan.clone(), |_| vec![("d_heldout", -0.9)], 0.4),
        ("critic-too-strong", hinge, |_| vec![("critic", 0.01), ("sign_rate", 1.0)], 0.3),
        ("critic-too-weak", gan.clone(), |_| vec![("critic", 0.69), ("sign_rate", 0.01), ("kid", 3.0)], 0.3),
        ("mode-collapse", gan.clone(), |_| vec![("sample_variety", 0.1)], 0.5),
        ("generator-stuck", gan.clone(), |_| vec![("sample_change", 0.001), ("kid", 4.0)], 0.4),
        ("gradients-growing", gan.clone(), |t| vec![("grad_critic", (24.0 * (t - 0.4)).exp())], 0.4),
        ("augmentation-saturated", adaptive, |_| vec![("augment", 0.9)], 0.2),
        ("lattice", gan.clone(), |_| vec![("sample_lattice", 0.5)], 0.45),
        ("colours-clipped", gan.clone(), |_| vec![("sample_clipped", 0.8)], 0.3),
        ("weights-growing", gan, |t| vec![("weight_critic", 50.0 * (12.0 * (t - 0.5)).exp())], 0.5),
        ("posterior-collapse", vae.clone(), |_| vec![("active_units", 0.0), ("kl", 0.001)], 0.3),
        ("latents-unused", vae.clone(), |_| vec![("active_units", 2.0), ("kl", 8.0)], 0.3),
        ("kl-too-heavy", vae.clone(), |_| vec![("reconstruction_variety", 0.2)], 0.4),
        ("decoder-dead", vae.clone(), |_| vec![("reconstruction_variety", 0.0)], 0.4),
        ("kl-too-light", vae.clone(), |_| vec![("kl", 200.0)], 0.4),
        ("vae-overfits", vae.clone(), |t| vec![("valid_elbo", -400.0 - 400.0 * (t - 0.5))], 0.5),
        ("blurred", vae.clone(), |_| vec![("reconstruction_detail", 0.02)], 0.3),
        ("learning-rate-too-high", vae, |_| vec![("reconstruction", 600.0)], 0.5),
    ];
    for (name, recipe, changed, onset) in cases {
        let healthy = if recipe.family().unwrap() == Family::Gan { healthy_gan } else { healthy_vae };
        let (_, found) = told(&recipe, &|t| if t < onset { healthy(t) } else { with(healthy(t), &changed(t)) });
        assert_eq!(found.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), [name]);
        let finding = &found[0];
        let begins = onset.max(if name == "latents-unused" || name == "blurred" { 0.5 } else { 0.0 });
        let late = finding.images as f64 / TARGET as f64 - begins;
        assert!((0.0..0.31).contains(&late), "{name} {late}");
        assert!((0.6..=0.99).contains(&finding.confidence), "{name} {}", finding.confidence);
        assert!(!finding.evidence.is_empty() && !finding.remedies.is_empty(), "{name}");
    }
}

#[test]
fn every_rule_has_three_sentences_and_remedies_that_the_recipe_takes() {
    for mut recipe in [gan(), vae()] {
        recipe.model.conditional = true;
        let seen = Doctor::new(&recipe, TARGET, DataFacts::default()).seen;
        for rule in RULES.iter().filter(|r| r.family.is_none_or(|f| Some(f) == seen.family)) {
            let sentences = rule.explanation.matches(". ").count() + 1;
            assert!((3..=4).contains(&sentences), "{}: {sentences}", rule.name);
            for Remedy { key, value, live, title } in (rule.remedies)(&seen) {
                if key.is_empty() {
                    continue;
                }
                let mut changed = recipe.clone();
                json_path::set(&mut changed, &key, value).unwrap_or_else(|e| panic!("{}: {title}: {e}", rule.name));
                changed.validate().unwrap_or_else(|e| panic!("{}: {title}: {e}", rule.name));
                assert_ne!(changed, recipe, "{}: {title} changes something", rule.name);
                let can = crate::recipe::form::find(&key).unwrap().live;
                assert!(can || !live, "{key} cannot change while a run is on");
            }
        }
    }
    let mut names: Vec<&str> = RULES.iter().map(|r| r.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn what_is_gone_is_said_with_the_change_that_came_before_it() {
    let collapsed = |t: f64| with(healthy_gan(t), &[("sample_variety", 0.1)]);
    let mut doctor = Doctor::new(&gan(), TARGET, DataFacts::default());
    let found = go_on(&mut doctor, 1..=80, &collapsed);
    assert_eq!((found.len(), found[0].course), (1, Course::Found));
    let remedy = found[0].remedies.iter().find(|r| r.live).unwrap();
    let edit = Edit { step: 640, images: 40_000, key: remedy.key.clone(), value: remedy.value.clone() };
    doctor.hear(&RunEvent::Edited(edit));
    let found = go_on(&mut doctor, 81..=130, &collapsed);
    assert_eq!((found.len(), found[0].course), (1, Course::Remains));
    let found = go_on(&mut doctor, 131..=200, &|t| with(healthy_gan(t), &[("sample_variety", 0.9)]));
    assert_eq!((found.len(), found[0].course), (1, Course::Gone));
    assert_eq!(found[0].remedy_taken.as_ref(), Some(&remedy.key));
    assert!(doctor.open().is_empty());
}

#[test]
fn a_return_to_an_earlier_state_is_found_and_forgets_what_came_later() {
    let mut doctor = Doctor::new(&gan(), TARGET, DataFacts::default());
    go_on(&mut doctor, 1..=60, &healthy_gan);
    let found = doctor.hear(&RunEvent::Rewound { images: 20_000 });
    assert_eq!(found.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["not-finite"]);
    assert!(doctor.seen.curves.values().all(|s| s.images.iter().all(|&i| i <= 20_000)));
    let found = go_on(&mut doctor, 41..=120, &healthy_gan);
    assert_eq!(found.iter().map(|f| (f.name.as_str(), f.course)).collect::<Vec<_>>(), [("not-finite", Course::Gone)]);
}

#[test]
fn few_pictures_and_starved_classes_are_said_at_once() {
    let mut recipe = gan();
    recipe.objective.augment = crate::recipe::Schedule::constant(0.0);
    recipe.model.conditional = true;
    let classes = vec![("cats".into(), 400), ("dogs".into(), 3)];
    let mut doctor = Doctor::new(&recipe, TARGET, DataFacts { pictures: 60, classes });
    let found = go_on(&mut doctor, 1..=1, &healthy_gan);
    assert_eq!(found.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["too-few-pictures", "class-starved"]);
}

#[test]
fn told_again_in_one_go_it_says_the_same() {
    let collapsed = |t: f64| with(healthy_gan(t), &[("sample_variety", 0.1)]);
    let (_, live) = told(&gan(), &collapsed);
    let mut history = Vec::new();
    for i in 1..=200u64 {
        let values = collapsed(i as f64 / 200.0).into_iter().filter(|v| i % 10 == 0 || !v.0.starts_with("sample_"));
        let values = values.map(|(n, v)| (n.to_string(), v)).collect();
        let images = i * TARGET / 200;
        history.push(RunEvent::Reading(Reading { step: i * 8, images, seconds: i as f64, values }));
    }
    let (_, again) = Doctor::of_history(&gan(), TARGET, DataFacts::default(), &history);
    assert_eq!(
        live.iter().map(|f| (&f.name, f.images)).collect::<Vec<_>>(),
        again.iter().map(|f| (&f.name, f.images)).collect::<Vec<_>>()
    );
}
