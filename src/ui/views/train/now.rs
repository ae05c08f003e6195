//! What is happening now, in a sentence, from what the run tells of itself.

use crate::base::Family;
use crate::engine::{RunState, RunSummary};
use crate::ui::format;
use crate::ui::state::RunLive;
use crate::ui::verdict;

/// Pictures that a number is looked at over, at the end of its curve.
const LATELY: usize = 12;
/// Pictures seen before a network has learned anything to speak of.
const BEGINNING: u64 = 1500;
/// How far β is from its end while it still counts as rising.
const RISING: f64 = 0.95;

/// The mean of a curve lately.
fn lately(live: &RunLive, names: &[&str]) -> Option<f64> {
    let series = names.iter().find_map(|n| live.curves.get(*n)).filter(|s| !s.is_empty())?;
    let last = &series.values[series.len().saturating_sub(LATELY)..];
    Some(last.iter().sum::<f64>() / last.len() as f64)
}

/// The newest value of a curve.
fn newest(live: &RunLive, name: &str) -> Option<f64> {
    live.curves.get(name).and_then(|s| s.values.last().copied())
}

/// Whether a number that should grow has fallen clearly below its best, lately.
fn falls(live: &RunLive, name: &str) -> bool {
    let Some(series) = live.curves.get(name).filter(|s| s.len() >= 6) else { return false };
    let best = series.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = series.values[0];
    let last = &series.values[series.len() - 3..];
    let range = (best - first).abs().max(1e-9);
    last.iter().all(|v| best - v > 0.05 * range)
}

/// What is happening in a run that trains; nothing for one that does not.
pub fn line(run: &RunSummary, live: Option<&RunLive>) -> Option<String> {
    if run.state != RunState::Training {
        return None;
    }
    let fallback = RunLive::default();
    let live = live.unwrap_or(&fallback);
    let text = match run.recipe.family().ok()? {
        Family::Gan => gan(run, live),
        Family::Vae => vae(run, live),
        Family::Tokens => tokens(live),
        Family::Prior => prior(live),
    };
    let kid = newest(live, "kid").and_then(|v| Some((v, verdict::of("kid", v)?)));
    let modes = newest(live, "modes").map(|m| format!(" {} kinds of points are made.", format::number(m)));
    Some(match (modes, kid) {
        (Some(modes), _) => format!("{text}{modes}"),
        (None, Some((value, verdict))) => format!("{text} Samples: {} (KID {}).", verdict.word, format::number(value)),
        (None, None) => text,
    })
}

fn tokens(live: &RunLive) -> String {
    match (newest(live, "perplexity"), newest(live, "codes_in_use")) {
        (Some(perplexity), Some(used)) => format!(
            "{} codes are in use, as if {} were equally likely (perplexity): the more, the more a token says.",
            format::number(used),
            format::number(perplexity)
        ),
        _ => "The codebook begins with what the encoder says of your first pictures.".into(),
    }
}

fn prior(live: &RunLive) -> String {
    match (lately(live, &["nats"]), newest(live, "nats_heldout")) {
        (Some(train), Some(held)) if held - train > 0.3 => format!(
            "{} nats a token on pictures it learns from, {} on others: it begins to learn them by heart.",
            format::number(train),
            format::number(held)
        ),
        (_, Some(held)) => format!("{} nats a token on pictures it never saw; lower is better.", format::number(held)),
        _ => "It learns which token comes next, given those before and the words in front.".into(),
    }
}

fn gan(run: &RunSummary, live: &RunLive) -> String {
    if run.progress.images < BEGINNING {
        return "The generator begins with noise; the critic learns to tell it from your pictures.".into();
    }
    let (real, fake) = (lately(live, &["d_real"]), lately(live, &["d_fake"]));
    if let (Some(real), Some(fake), Some(held)) = (real, fake, newest(live, "d_heldout"))
        && real > fake
        && held - fake < 0.25 * (real - fake)
    {
        return "The critic takes pictures it never saw for generated ones: it begins to learn the others by heart. More \
                pictures or more augmentation help."
            .into();
    }
    match lately(live, &["sign_rate"]) {
        Some(rate) if rate > 0.97 => {
            "The critic wins nearly every time, so the generator learns slowly now; a higher γ holds the critic back."
                .into()
        }
        Some(rate) if rate < 0.2 => {
            "The critic can hardly tell generated pictures from real ones: both learn from small differences.".into()
        }
        _ if run.progress.images * 5 < run.progress.target => {
            "Colours and large shapes come first; details follow.".into()
        }
        _ => "Generator and critic are balanced: shapes and details get better bit by bit.".into(),
    }
}

fn vae(run: &RunSummary, live: &RunLive) -> String {
    if run.progress.images < BEGINNING {
        return "The network begins to squeeze pictures into a few numbers and to build them again.".into();
    }
    if ["elbo_heldout", "valid_elbo"].iter().any(|name| falls(live, name)) {
        return "Pictures it never saw get worse again: it begins to learn the others by heart. The best checkpoint is kept."
            .into();
    }
    let beta = &run.recipe.objective.beta;
    let now = beta.at(run.progress.images);
    let end = beta.end;
    if !beta.is_constant() && now < RISING * end {
        return format!(
            "Reconstructions come first; β rises from {} to {} and then tidies the latent space.",
            format::number(now),
            format::number(end)
        );
    }
    match newest(live, "active_units") {
        Some(active) => format!(
            "Reconstructions get closer; {} of {} numbers of the latent are in use.",
            format::number(active),
            run.recipe.model.latent
        ),
        None => "Reconstructions get closer, and random latents give better pictures.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::series::Series;
    use crate::engine::fake;

    fn run(name: &str, images: u64) -> RunSummary {
        let mut run = fake::runs().into_iter().find(|r| r.name == name).unwrap();
        run.state = RunState::Training;
        (run.progress.images, run.progress.target) = (images, 120_000);
        run
    }

    fn live(curves: &[(&str, &[f64])]) -> RunLive {
        let series = |values: &[f64]| {
            let mut series = Series::default();
            values.iter().enumerate().for_each(|(i, v)| series.push(i as u64, i as u64 * 100, i as f64, *v));
            series
        };
        RunLive { curves: curves.iter().map(|(n, v)| ((*n).to_string(), series(v))).collect(), ..RunLive::default() }
    }

    #[test]
    fn a_gan_is_told_by_its_critic() {
        let said = |images, curves: &[(&str, &[f64])]| line(&run("nouns", images), Some(&live(curves))).unwrap();
        assert!(said(500, &[]).contains("begins with noise"));
        assert!(said(40_000, &[("sign_rate", &[0.99; 20])]).contains("wins nearly every time"));
        assert!(said(40_000, &[("sign_rate", &[0.1; 20])]).contains("hardly tell"));
        assert!(said(90_000, &[("sign_rate", &[0.6; 20])]).contains("balanced"));
        let heart = said(90_000, &[("d_real", &[2.0; 9]), ("d_fake", &[-2.0; 9]), ("d_heldout", &[-1.8; 3])]);
        assert!(heart.contains("by heart"));
        assert!(said(90_000, &[("kid", &[0.8])]).ends_with("Samples: good (KID 0.8)."));
    }

    #[test]
    fn a_vae_is_told_by_its_schedule_and_its_held_out_pictures() {
        let mut run = run("fashion", 30_000);
        run.recipe.objective.beta = crate::recipe::Schedule::linear(0.1, 1.0, 60.0);
        let said = |run: &RunSummary, curves: &[(&str, &[f64])]| line(run, Some(&live(curves))).unwrap();
        assert!(said(&run, &[]).contains("β rises"), "{}", said(&run, &[]));
        run.progress.images = 100_000;
        assert!(said(&run, &[("active_units", &[12.0])]).contains("12 of 32 numbers"));
        let falling = [-300.0, -200.0, -150.0, -140.0, -160.0, -165.0, -170.0];
        assert!(said(&run, &[("valid_elbo", &falling)]).contains("by heart"));
        run.state = RunState::Finished;
        assert_eq!(line(&run, None), None);
    }
}
