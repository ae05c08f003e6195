//! What the doctor looks for, a row each.
//!
//! Thresholds were set on small runs over emoji and shapes at 16 and 32 px; what was found of others, and what was found
//! without need, stands in the README.

use serde_json::json;

use super::finding::{Course, Evidence, Finding, Remedy};
use super::remedies::{
    alters, augment_more, by_hand, faster, for_new_run, live, lower_beta, rounded, slower, stronger_penalty,
};
use super::seen::{Seen, Sign, median};
use crate::base::Family;
use crate::recipe::{Adversarial, AugmentControl, Likelihood};

/// A thing that goes wrong.
pub struct Rule {
    /// Its name in telemetry and on the command line.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it means, why it happens, what follows: a sentence each.
    pub explanation: &'static str,
    /// Whose runs it can happen to; nothing means any.
    pub family: Option<Family>,
    /// For how much of the run it has to be seen before it is said.
    pub holds: f64,
    /// Whether it is seen now.
    pub looks: fn(&Seen) -> Option<Sign>,
    /// What to do about it, the best first.
    pub remedies: fn(&Seen) -> Vec<Remedy>,
}

impl Rule {
    /// Said of what it sees now, and has seen since `since` pictures.
    pub fn finding(&self, seen: &Seen, sign: Sign, since: u64, remedy_taken: Option<String>) -> Finding {
        Finding {
            name: self.name.into(),
            title: self.title.into(),
            course: Course::Found,
            images: seen.images,
            since,
            confidence: ((0.6 + 0.39 * sign.clarity.clamp(0.0, 1.0)) * 100.0).round() / 100.0,
            evidence: sign.evidence,
            explanation: self.explanation.into(),
            remedies: (self.remedies)(seen),
            remedy_taken,
        }
    }
}

/// Fewest pixels a side in which a lattice of eight is told from what pictures have in common.
const LATTICE_SIDE: u32 = 32;

/// Everything that is looked for.
pub const RULES: &[Rule] = &[
    Rule {
        name: "not-finite",
        title: "Numbers are no longer finite",
        explanation: "A loss or a gradient became infinite, and the run went back to its last checkpoint with half the \
                      learning rate. Steps that are too long, or a penalty that is too weak for them, lead there. It goes on \
                      by itself, but after three returns it ends.",
        family: None,
        holds: 0.0,
        looks: |seen| {
            // One return is enough, for a while.
            let last = *seen.lost.last()?;
            (seen.images <= last + seen.part(0.1)).then(|| Sign { clarity: 1.0, evidence: Vec::new() })
        },
        remedies: |seen| [slower(seen, 0.5)].into_iter().chain(stronger_penalty(seen, 4.0)).collect(),
    },
    Rule {
        name: "weights-growing",
        title: "Weights grow without end",
        explanation: "The weights of a network more than doubled within a tenth of the run, long after its beginning. Steps \
                      that are too long do that, or a critic that no penalty holds. Numbers that are no longer finite \
                      usually follow.",
        family: None,
        holds: 0.0,
        looks: |seen| {
            let growth = |name: &'static str| {
                let now = seen.last(name, 1)?;
                let before = seen.between(name, seen.images.saturating_sub(seen.part(0.15)), seen.images)?;
                let first = *before.first()?;
                let times = now.mean() / first;
                (before.len() >= 3 && first > 0.0 && seen.share() > 0.15 && times > 2.0).then(|| Sign {
                    clarity: (times - 2.0) / 2.0,
                    evidence: vec![now.evidence(name, "nearly constant")],
                })
            };
            ["weight_generator", "weight_critic", "weight"].into_iter().find_map(growth)
        },
        remedies: |seen| [slower(seen, 0.3)].into_iter().chain(stronger_penalty(seen, 4.0)).collect(),
    },
    Rule {
        name: "learning-rate-too-high",
        title: "Learning rate too high",
        explanation: "The loss rose well above what it had already reached, and stays there. Each step goes farther than the \
                      loss is flat, so it jumps over what it should descend into. A lower rate gets back what was lost \
                      within a few kimg.",
        family: Some(Family::Vae),
        holds: 0.02,
        looks: |seen| {
            // What is made small changes by itself while β or a capacity rises.
            if !seen.recipe.objective.beta.is_constant() && seen.share() < 0.5 {
                return None;
            }
            let now = seen.lately("reconstruction")?;
            let all = seen.between("reconstruction", seen.part(0.02), seen.images)?;
            let best = all.chunks(4).map(median).fold(f64::INFINITY, f64::min);
            let first = *all.first()?;
            let rise = (median(now.values) - best) / (first - best).abs().max(0.02 * best.abs()).max(1e-9);
            (seen.share() > 0.08 && all.len() >= 12 && rise > 0.35).then(|| Sign {
                clarity: (rise - 0.35) / 0.5,
                evidence: vec![now.evidence("reconstruction", &format!("near {}, its best", rounded(best)))],
            })
        },
        remedies: |seen| vec![slower(seen, 0.2)],
    },
    Rule {
        name: "critic-overfits",
        title: "Critic learns the pictures by heart",
        explanation: "The critic takes real pictures that it never saw for generated ones. It knows its training pictures one \
                      by one instead of what they have in common, as happens with few pictures. From then on samples get \
                      worse, or turn into copies.",
        family: Some(Family::Gan),
        holds: 0.05,
        looks: |seen| {
            let held = seen.last("d_heldout", 3)?;
            let (real, fake) = (seen.lately("d_real")?, seen.lately("d_fake")?);
            let gap = real.mean() - fake.mean();
            let share = (held.mean() - fake.mean()) / gap;
            let few = |v: f64| v - fake.mean() < 0.3 * gap;
            (seen.share() > 0.1 && gap > 0.3 && held.all(few)).then(|| Sign {
                clarity: (0.3 - share) / 0.3,
                evidence: vec![
                    held.evidence("d_heldout", &format!("near {}, as of training pictures", rounded(real.mean()))),
                    fake.evidence("d_fake", "below held-out pictures"),
                ],
            })
        },
        remedies: |seen| {
            let mirror = (!seen.recipe.data.mirror).then(|| for_new_run("Mirror pictures", "data.mirror", json!(true)));
            let mut out: Vec<Remedy> = augment_more(seen).into_iter().chain(mirror).collect();
            out.push(by_hand("Add pictures"));
            out
        },
    },
    Rule {
        name: "critic-too-strong",
        title: "Critic too strong",
        explanation: "The critic tells every generated picture from real ones and is sure of it. Its slope then says little \
                      about what would look more real, so the generator hardly learns. A stronger penalty, or slower steps, \
                      let the generator catch up.",
        family: Some(Family::Gan),
        holds: 0.1,
        looks: |seen| {
            let chance = chance(seen)?;
            let (loss, rate) = (seen.lately("critic")?, seen.lately("sign_rate")?);
            let share = loss.mean() / chance;
            (seen.share() > 0.1 && share < 0.04 && rate.mean() > 0.985).then(|| Sign {
                clarity: (0.04 - share) / 0.03,
                evidence: vec![
                    loss.evidence("critic", &format!("0.1 to 1 × {}, its value at chance", rounded(chance))),
                    rate.evidence("sign_rate", "below 0.97"),
                ],
            })
        },
        remedies: |seen| {
            let mut out: Vec<Remedy> = stronger_penalty(seen, 4.0).into_iter().chain(augment_more(seen)).collect();
            out.push(slower(seen, 0.5));
            out
        },
    },
    Rule {
        name: "critic-too-weak",
        title: "Critic too weak",
        explanation: "The critic cannot tell generated pictures from real ones although they look different. It then gives the \
                      generator no direction. A weaker penalty, or a wider critic, lets it see more.",
        family: Some(Family::Gan),
        holds: 0.1,
        looks: |seen| {
            let chance = chance(seen)?;
            let (loss, rate) = (seen.lately("critic")?, seen.lately("sign_rate")?);
            let share = loss.mean() / chance;
            let off = unlike(seen)?;
            (seen.share() > 0.15 && share > 0.95 && rate.mean().abs() < 0.3).then(|| Sign {
                clarity: (share - 0.95) / 0.05,
                evidence: vec![
                    loss.evidence("critic", &format!("0.1 to 0.9 × {}, its value at chance", rounded(chance))),
                    off,
                ],
            })
        },
        remedies: |seen| {
            let mut out: Vec<Remedy> = stronger_penalty(seen, 0.1).into_iter().collect();
            let steps = seen.recipe.objective.critic_steps.max(1) + 1;
            out.push(for_new_run("More critic steps", "objective.critic_steps", json!(steps)));
            out
        },
    },
    Rule {
        name: "mode-collapse",
        title: "Samples are all alike",
        explanation: "Samples differ far less from each other than your pictures do. The generator found a few pictures that the \
                      critic lets pass and makes only those (mode collapse). It seldom comes back by itself: the relativistic \
                      loss with both penalties is made against it.",
        family: Some(Family::Gan),
        holds: 0.08,
        looks: |seen| {
            let variety = seen.last("sample_variety", 3)?;
            let few = variety.all(|v| v < 0.45);
            (seen.share() > 0.2 && few).then(|| Sign {
                clarity: (0.45 - variety.mean()) / 0.3,
                evidence: vec![variety.evidence("sample_variety", "0.7 to 1.2, as different as your pictures")],
            })
        },
        remedies: |seen| {
            let mut out: Vec<Remedy> = stronger_penalty(seen, 4.0).into_iter().chain([slower(seen, 0.5)]).collect();
            if seen.recipe.objective.adversarial != Adversarial::Relativistic {
                out.push(for_new_run("Relativistic loss", "objective.adversarial", json!("relativistic")));
            }
            out
        },
    },
    Rule {
        name: "generator-stuck",
        title: "Generator stands still",
        explanation: "Samples from the same latents hardly changed over three previews, and they do not look like your pictures. \
                      The generator gets no gradient that moves it, or steps that are too short. Waiting does not help.",
        family: Some(Family::Gan),
        holds: 0.05,
        looks: |seen| {
            let change = seen.last("sample_change", 3)?;
            let off = unlike(seen)?;
            (seen.share() > 0.12 && change.all(|v| v < 0.02)).then(|| Sign {
                clarity: (0.02 - change.mean()) / 0.015,
                evidence: vec![change.evidence("sample_change", "above 0.05"), off],
            })
        },
        remedies: |seen| [faster(seen, 4.0)].into_iter().chain(stronger_penalty(seen, 0.25)).collect(),
    },
    Rule {
        name: "gradients-growing",
        title: "Gradients grow",
        explanation: "The gradients are more than twenty times what they were early in the run, and still grow. A critic that \
                      gets ever steeper between real and generated pictures does that. Numbers that are no longer finite, or \
                      collapse, usually follow.",
        family: Some(Family::Gan),
        holds: 0.04,
        looks: |seen| {
            let growth = |name: &'static str| {
                let early = median(seen.between(name, seen.part(0.02), seen.part(0.15))?);
                let before =
                    median(seen.between(name, seen.part(seen.share() - 0.2), seen.part(seen.share() - 0.1))?);
                let now = seen.lately(name)?;
                let times = median(now.values) / early.max(1e-12);
                (seen.share() > 0.25 && times > 20.0 && median(now.values) > 1.3 * before).then(|| Sign {
                    clarity: (times / 20.0).log10(),
                    evidence: vec![now.evidence(name, &format!("near {}, as early in the run", rounded(early)))],
                })
            };
            ["grad_critic", "grad_generator", "penalty"].into_iter().find_map(growth)
        },
        remedies: |seen| stronger_penalty(seen, 4.0).into_iter().chain([slower(seen, 0.5)]).collect(),
    },
    Rule {
        name: "augmentation-saturated",
        title: "Augmentation is at its limit",
        explanation: "Adaptive augmentation reached the most that does not leak into samples, and the critic still learns your \
                      pictures by heart. There are too few pictures for so large a critic. More of them help, or starting \
                      from a trained model.",
        family: Some(Family::Gan),
        holds: 0.1,
        looks: |seen| {
            let p =
                seen.lately("augment").filter(|_| seen.recipe.objective.augment_control == AugmentControl::Adaptive)?;
            p.all(|p| p > 0.885).then(|| Sign { clarity: 1.0, evidence: vec![p.evidence("augment", "below 0.8")] })
        },
        remedies: |_| vec![by_hand("Add pictures"), by_hand("Start from a trained model")],
    },
    Rule {
        name: "lattice",
        title: "A lattice lies over the samples",
        explanation: "The same pattern repeats at every eighth pixel of all samples, and not in your pictures. Layers that double \
                      the size leave such a lattice behind until later ones learn to smooth it (chequerboard artefacts). It \
                      goes away with training, or with another generator.",
        family: None,
        holds: 0.1,
        looks: |seen| {
            let (lattice, data) = (seen.last("sample_lattice", 3)?, seen.last("data_lattice", 1)?);
            let most = (2.0 * data.mean()).max(0.22);
            // In smaller pictures the same place on the lattice is also the same place in the picture.
            (seen.recipe.data.resolution.shorter() >= LATTICE_SIDE && seen.share() > 0.4 && lattice.all(|v| v > most))
                .then(|| Sign {
                    clarity: (lattice.mean() - most) / 0.2,
                    evidence: vec![lattice.evidence("sample_lattice", &format!("below {}", rounded(most)))],
                })
        },
        remedies: |_| vec![by_hand("Train longer"), by_hand("Choose another model")],
    },
    Rule {
        name: "colours-clipped",
        title: "Colours are clipped",
        explanation: "Far more numbers of the samples are pure black, pure white or fully saturated than of your pictures. The \
                      output layer is driven into its ends, where it has no gradient. Slower steps let it come back.",
        family: None,
        holds: 0.08,
        looks: |seen| {
            let (clipped, data) = (seen.last("sample_clipped", 3)?, seen.last("data_clipped", 1)?);
            let most = data.mean() + 0.3;
            (seen.share() > 0.12 && clipped.all(|v| v > most)).then(|| Sign {
                clarity: (clipped.mean() - most) / 0.2,
                evidence: vec![
                    clipped.evidence("sample_clipped", &format!("near {}, as in your pictures", rounded(data.mean()))),
                ],
            })
        },
        remedies: |seen| vec![slower(seen, 0.3)],
    },
    Rule {
        name: "posterior-collapse",
        title: "The latent says nothing",
        explanation: "No number of the latent tells one picture from another: the encoder gives the prior whatever it sees \
                      (posterior collapse), and the decoder draws one mean picture. The KL term outweighs what a latent \
                      would gain. A lower β, or one that rises slowly, brings it back.",
        family: Some(Family::Vae),
        holds: 0.05,
        looks: |seen| {
            let active = seen.lately("active_units")?;
            let kl = seen.lately("kl");
            (seen.share() > 0.12 && active.all(|v| v < 0.5)).then(|| Sign {
                clarity: 1.0,
                evidence: [active.evidence("active_units", "several")]
                    .into_iter()
                    .chain(kl.map(|kl| kl.evidence("kl", "above 1 nat")))
                    .collect(),
            })
        },
        remedies: lower_beta,
    },
    Rule {
        name: "latents-unused",
        title: "Most of the latent is unused",
        explanation: "Fewer than an eighth of the latent's numbers say anything about a picture. The KL term switches off those \
                      that do not pay. That is no fault where pictures are simple; otherwise a lower β wakes more of them.",
        family: Some(Family::Vae),
        holds: 0.1,
        looks: |seen| {
            let active = seen.lately("active_units")?;
            let all = f64::from(seen.recipe.model.latent);
            let share = active.mean() / all;
            (seen.share() > 0.5 && all >= 16.0 && active.all(|v| v >= 0.5) && share < 0.125).then(|| Sign {
                clarity: (0.125 - share) / 0.1,
                evidence: vec![active.evidence("active_units", &format!("more than {} of {all}", rounded(all / 8.0)))],
            })
        },
        remedies: |seen| {
            let mut out = lower_beta(seen);
            let half = (seen.recipe.model.latent / 4).max(2);
            out.push(for_new_run("A smaller latent", "model.latent", json!(half)));
            out
        },
    },
    Rule {
        name: "decoder-dead",
        title: "The decoder draws one picture",
        explanation: "All reconstructions are the same picture although the latent tells pictures apart. The decoder's layers were \
                      driven to where they pass nothing on, as first steps at too high a rate do. It does not come \
                      back: begin again with a lower rate.",
        family: Some(Family::Vae),
        holds: 0.1,
        looks: |seen| {
            let (variety, active) = (seen.last("reconstruction_variety", 2)?, seen.lately("active_units")?);
            (seen.share() > 0.15 && active.all(|v| v >= 0.5) && variety.all(|v| v < 0.02))
                .then(|| Sign { clarity: 1.0, evidence: vec![variety.evidence("reconstruction_variety", "above 0.7")] })
        },
        remedies: |_| vec![by_hand("Begin again with a tenth of the learning rate")],
    },
    Rule {
        name: "kl-too-heavy",
        title: "KL outweighs the pictures",
        explanation: "Reconstructions of different pictures look nearly the same. The KL term presses the latents so close to the \
                      prior that little of a picture gets through. A lower β gives it back.",
        family: Some(Family::Vae),
        holds: 0.1,
        looks: |seen| {
            let (variety, active) = (seen.last("reconstruction_variety", 2)?, seen.lately("active_units")?);
            (seen.share() > 0.3 && active.all(|v| v >= 0.5) && variety.all(|v| (0.02..0.5).contains(&v))).then(|| {
                Sign {
                    clarity: (0.5 - variety.mean()) / 0.3,
                    evidence: vec![variety.evidence("reconstruction_variety", "above 0.7")],
                }
            })
        },
        remedies: lower_beta,
    },
    Rule {
        name: "kl-too-light",
        title: "Latents leave the prior",
        explanation: "Each latent number in use says more than four nats, far more than a random one drawn from the prior can \
                      stand for. Reconstructions are then good, while random samples fall between what was learned. A higher \
                      β, or a prior fitted afterwards, closes the gap.",
        family: Some(Family::Vae),
        holds: 0.1,
        looks: |seen| {
            let (kl, active) = (seen.lately("kl")?, seen.lately("active_units")?);
            let each = kl.mean() / active.mean().max(1.0);
            // A plane of two numbers has to say all there is.
            (seen.share() > 0.4 && seen.recipe.model.latent > 3 && each > 4.0).then(|| Sign {
                clarity: (each - 4.0) / 4.0,
                evidence: vec![kl.evidence("kl", &format!("below {} nats", rounded(4.0 * active.mean())))],
            })
        },
        remedies: |seen| {
            let beta = seen.recipe.objective.beta.at(seen.images);
            let higher = if beta > 0.0 { (beta * 4.0).min(4.0) } else { 1.0 };
            vec![live("Raise β", "objective.beta", json!(higher))]
        },
    },
    Rule {
        name: "vae-overfits",
        title: "Pictures are learned by heart",
        explanation: "The bound on the likelihood of held-out pictures falls while that of training pictures rises. The network \
                      learns these pictures instead of what they have in common. The best checkpoint so far is kept; more \
                      pictures, or a smaller network, go farther.",
        family: Some(Family::Vae),
        holds: 0.05,
        looks: |seen| {
            let held = seen.last("valid_elbo", 3)?;
            let all = seen.between("valid_elbo", seen.part(0.05), seen.images)?;
            let (best, first) = (all.iter().copied().fold(f64::NEG_INFINITY, f64::max), *all.first()?);
            let range = (best - first).abs().max(0.005 * best.abs());
            // Where the KL alone grew by as much, the latents leave the prior, which is another fault.
            let kl = seen.between("kl", seen.part(0.2), seen.images);
            let kl = kl.and_then(|kl| Some(median(kl.get(kl.len().checked_sub(4)?..)?) - kl[0]));
            if kl.is_some_and(|grown| grown > best - held.mean()) {
                return None;
            }
            (seen.share() > 0.2 && all.len() >= 5 && held.all(|v| best - v > 0.08 * range)).then(|| Sign {
                clarity: (best - held.mean()) / range - 0.08,
                evidence: vec![held.evidence("valid_elbo", &format!("near {}, its best", rounded(best)))],
            })
        },
        remedies: |seen| {
            let mirror = (!seen.recipe.data.mirror).then(|| for_new_run("Mirror pictures", "data.mirror", json!(true)));
            let width = (seen.recipe.model.width / 2).max(16);
            let smaller = for_new_run("Half the width", "model.width", json!(width));
            [by_hand("Add pictures"), smaller].into_iter().chain(mirror).collect()
        },
    },
    Rule {
        name: "blurred",
        title: "Reconstructions are blurred",
        explanation: "Reconstructions have less than a seventh of the fine detail of their pictures. A likelihood pixel by pixel \
                      averages over all pictures that a latent could mean, and a mean is blurred. A term by features, a \
                      learned variance or a critic sharpens it.",
        family: Some(Family::Vae),
        holds: 0.15,
        looks: |seen| {
            let detail = seen.last("reconstruction_detail", 3)?;
            let active = seen.lately("active_units")?;
            (seen.share() > 0.5 && active.all(|v| v >= 0.5) && detail.all(|v| v < 0.14)).then(|| Sign {
                clarity: (0.14 - detail.mean()) / 0.1,
                evidence: vec![detail.evidence("reconstruction_detail", "above 0.3")],
            })
        },
        remedies: |seen| {
            let mut out = vec![for_new_run("A term by features", "objective.vae.perceptual", json!(1.0))];
            if seen.recipe.objective.likelihood != Likelihood::Gaussian {
                out.push(for_new_run("Learned variance", "objective.likelihood", json!("gaussian")));
            }
            out.extend(lower_beta(seen));
            out
        },
    },
    Rule {
        name: "too-few-pictures",
        title: "Too few pictures for this model",
        explanation: "There are fewer than a hundred pictures and nothing that multiplies them. A critic learns so few by heart \
                      within minutes. Augmentation, mirroring or a trained model to start from make more of them.",
        family: Some(Family::Gan),
        holds: 0.0,
        looks: |seen| {
            let objective = &seen.recipe.objective;
            let alone = objective.augment_control == AugmentControl::Fixed
                && (objective.augment.at(seen.images) <= 0.0 || !alters(seen));
            let points = seen.recipe.data.channels == crate::base::Channels::Points;
            (!points && (1..100).contains(&seen.data.pictures) && alone)
                .then(|| Sign { clarity: 1.0, evidence: Vec::new() })
        },
        remedies: |seen| augment_more(seen).into_iter().chain([by_hand("Add pictures")]).collect(),
    },
    Rule {
        name: "class-starved",
        title: "One class has hardly any pictures",
        explanation: "A class has fewer than ten pictures and less than a twentieth of those of the largest. The model sees it too \
                      seldom to learn what it looks like. Its samples will be copies, or look like another class.",
        family: None,
        holds: 0.0,
        looks: |seen| {
            let most = seen.data.classes.iter().map(|c| c.1).max()?;
            let least = seen.data.classes.iter().map(|c| c.1).min()?;
            (seen.recipe.model.conditional && least < 10 && least * 20 < most)
                .then(|| Sign { clarity: 1.0, evidence: Vec::new() })
        },
        remedies: |_| {
            vec![
                by_hand("Add pictures to it, or leave it out"),
                for_new_run("Learn no labels", "model.conditional", json!(false)),
            ]
        },
    },
];

/// The critic's loss where it knows nothing.
fn chance(seen: &Seen) -> Option<f64> {
    let one = match seen.recipe.objective.adversarial {
        Adversarial::NonSaturating => 2.0 * std::f64::consts::LN_2,
        Adversarial::Relativistic => std::f64::consts::LN_2,
        Adversarial::Hinge => 2.0,
        Adversarial::LeastSquares => 0.25,
        // Its loss has no scale.
        Adversarial::Wasserstein => return None,
    };
    // Critics at several scales add up.
    Some(if seen.recipe.looks_through_photos() { 4.0 * one } else { one })
}

/// What shows that samples do not look like the data yet.
fn unlike(seen: &Seen) -> Option<Evidence> {
    if let Some(kid) = seen.last("kid", 1) {
        return (kid.mean() > 1.2).then(|| kid.evidence("kid", "below 1"));
    }
    let variety = seen.last("sample_variety", 2)?;
    if variety.all(|v| !(0.5..1.35).contains(&v)) {
        return Some(variety.evidence("sample_variety", "0.7 to 1.2"));
    }
    let detail = seen.last("sample_detail", 2)?;
    detail.all(|v| !(0.25..4.0).contains(&v)).then(|| detail.evidence("sample_detail", "near 1"))
}
