//! From the context to scores: one function a metric.

use super::context::{EvalContext, Suspect};
use super::evaluated_model::Encoding;
use super::factors::{self, Coded, dci, factor_vae, mig};
use super::feature_matrix::Rows;
use super::likelihood::{Bounds, bits_per_number};
use super::score::Score;
use super::subsample_ci::standard_error;
use super::{fid, kid, memorization, mode_coverage, pairs, perceptual, prdc, sliced};
use crate::base::rng::Stream;
use crate::base::{Channels, Picture, Problem, Result};
use crate::data::points::mixture_of;

/// Parts that pictures are dealt into where nothing better gives an interval.
const PARTS: usize = 8;
/// Suspect pairs that are shown.
const SHOWN: usize = 16;
/// Training pictures that samples are sought among, at most.
const SEARCHED: usize = 20_000;
/// Draws of the plain bound.
const DRAWS: usize = 32;
/// Pictures that are put through a model and back, at most.
const REBUILT: usize = 512;

fn too_few(cx: &EvalContext<'_>, least: usize) -> Problem {
    Problem::data("There are too few pictures to measure this")
        .because(format!("{} in the data, {} samples", cx.data.len(), cx.count))
        .try_this(format!("Use at least {least}"))
}

/// Mean of numbers with ± 1.96 standard errors.
fn mean(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len().max(1) as f64;
    let value = values.iter().sum::<f64>() / n;
    let reach = 1.96 * standard_error(values) / n.sqrt();
    (value, value - reach, value + reach)
}

fn score(
    cx: &EvalContext<'_>,
    name: &str,
    (value, low, high): (f64, f64, f64),
    count: usize,
    estimator: &str,
) -> Score {
    Score {
        name: name.into(),
        value,
        low,
        high,
        count: count as u64,
        estimator: estimator.into(),
        data: cx.data.hash().into(),
        ..Score::default()
    }
}

pub(super) fn kernel(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let (data, samples) = (cx.real_features()?, cx.sample_features()?);
    let found = kid::kid(data, samples, cx.seed).ok_or_else(|| too_few(cx, 2))?;
    Ok(vec![cx.on_features("kid", found, "unbiased, (x·y/d + 1)³")])
}

pub(super) fn frechet(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let data = fid::Moments::of(cx.real_features()?);
    let samples = fid::Moments::of(cx.sample_features()?);
    let found = fid::fid(&data, &samples, cx.seed).ok_or_else(|| too_few(cx, 2))?;
    Ok(vec![cx.on_features("fid", found, "")])
}

pub(super) fn shares(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let found = prdc::prdc(cx.real_features()?, cx.sample_features()?, prdc::K, cx.seed)
        .ok_or_else(|| too_few(cx, prdc::K + 1))?;
    let how = format!("k = {}", prdc::K);
    let of = |name: &str, value| cx.on_features(name, value, &how);
    Ok(vec![
        of("precision", found.precision),
        of("recall", found.recall),
        of("density", found.density),
        of("coverage", found.coverage),
    ])
}

pub(super) fn patches(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let most = cx.count.min(cx.reference().len()).min(1024);
    let reals: Vec<Picture> = cx.reference()[..most].iter().map(|&i| cx.picture(i)).collect();
    let mut samples = Vec::with_capacity(most);
    cx.samples(most, &mut |_, picture| samples.push(picture))?;
    let value = sliced::distance(&reals, &samples, 64).ok_or_else(|| too_few(cx, 1))?;
    let size = most.div_ceil(PARTS).max(1);
    let parts: Vec<f64> =
        reals.chunks(size).zip(samples.chunks(size)).filter_map(|(a, b)| sliced::distance(a, b, 32)).collect();
    let reach = 1.96 * standard_error(&parts) / (parts.len().max(1) as f64).sqrt();
    let found = (value, (value - reach).max(0.0), value + reach);
    let how = "7×7 patches at three sizes";
    Ok(vec![Score { reference: most as u64, ..score(cx, "swd", found, most, how) }])
}

/// Modes of points in the plane, counted exactly.
fn exact(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let mixture = mixture_of(cx.source).ok_or_else(|| {
        Problem::data("Where these points belong is not known")
            .of(cx.source)
            .try_this("Use points:grid25 or points:ring8")
    })?;
    let points = cx.points(cx.count)?;
    let found = mode_coverage::points(&points, &mixture.centres, mixture.deviation, cx.seed);
    let of = |name: &str, value| score(cx, name, value, cx.count, "within three deviations of the nearest centre");
    Ok(vec![of("modes", found.recovered), of("mode-kl", found.kl), of("good", found.good)])
}

pub(super) fn kinds(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    if cx.data.shape().channels == Channels::Points {
        return exact(cx);
    }
    let classifier = cx.classifier()?;
    let (mut of, mut good, mut chunk) = (Vec::new(), Vec::new(), Vec::new());
    let mut tell = |pictures: &mut Vec<Picture>| {
        let told = classifier.tell(pictures);
        of.extend(told.class);
        good.extend(told.certainty.into_iter().map(|c| c >= classifier.sure));
        pictures.clear();
    };
    cx.samples(cx.count, &mut |_, picture| {
        chunk.push(picture);
        if chunk.len() == 64 {
            tell(&mut chunk);
        }
    })?;
    tell(&mut chunk);
    let mut frequent = vec![0.0; classifier.labels.len()];
    (0..cx.data.len()).filter_map(|i| cx.data.label(i)).for_each(|l| frequent[l as usize] += 1.0);
    let found = mode_coverage::modes(&of, &good, &frequent, cx.seed);
    let how = classifier.describe();
    let of = |name: &str, value| Score { extractor: how.clone(), ..score(cx, name, value, cx.count, "") };
    Ok(vec![of("modes", found.recovered), of("mode-kl", found.kl), of("good", found.good)])
}

pub(super) fn by_class(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    // Classes of the model that are labels of the data.
    let labels = cx.data.labels();
    let shared: Vec<(u32, usize)> = (0u32..)
        .zip(cx.subject.classes())
        .filter_map(|(class, name)| Some((class, labels.iter().position(|l| l == name)?)))
        .collect();
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); labels.len()];
    let mut all: Vec<usize> = (0..cx.data.len()).collect();
    Stream::new(cx.seed, "classes").shuffle(&mut all);
    for i in all {
        if let Some(of) = cx.data.label(i).and_then(|l| places.get_mut(l as usize)) {
            of.push(i);
        }
    }
    let each = (cx.count / shared.len().max(1)).max(2);
    let mut out = Vec::new();
    for &(class, label) in &shared {
        let places = &places[label][..places[label].len().min(each)];
        let data = fid::Moments::of(&cx.features_of(places)?);
        let samples = fid::Moments::of(&cx.class_features(Some(class), each)?);
        let Some(found) = fid::fid(&data, &samples, cx.seed) else { continue };
        let name = format!("class-fid/{}", labels[label]);
        let found = cx.on_features(&name, found, "");
        out.push(Score { count: each as u64, reference: places.len() as u64, ..found });
    }
    if out.is_empty() {
        return Err(too_few(cx, 2 * shared.len()));
    }
    let n = out.len() as f64;
    let value = out.iter().map(|s| s.value).sum::<f64>() / n;
    // Classes are independent: their half-widths add as squares do.
    let half = |f: &dyn Fn(&Score) -> f64| out.iter().map(|s| f(s).powi(2)).sum::<f64>().sqrt() / n;
    let found = (value, (value - half(&|s| s.value - s.low)).max(0.0), value + half(&|s| s.high - s.value));
    let mean = cx.on_features("class-fid", found, "mean over classes");
    out.insert(0, Score { count: (each * out.len()) as u64, ..mean });
    Ok(out)
}

fn encoding<'a>(cx: &'a EvalContext<'_>) -> Result<&'a dyn Encoding> {
    // The table asks for an encoder before it runs what needs one.
    cx.subject.encoding().ok_or_else(|| Problem::usage("This model has no encoder").try_this("Choose a VAE"))
}

/// Which pictures a number rests on, and whether the model was told their classes.
fn given_classes(cx: &EvalContext<'_>, which: &str) -> String {
    if cx.subject.classes().is_empty() { which.into() } else { format!("{which}, each with its class") }
}

fn bounds(cx: &EvalContext<'_>, draws: usize, stage: &str) -> Result<(Vec<Bounds>, String)> {
    let model = encoding(cx)?;
    let (places, which) = cx.unseen(cx.count);
    let mut out = Vec::with_capacity(places.len());
    for (i, place) in places.iter().enumerate() {
        cx.progress.cancel().check()?;
        cx.progress.report(stage, i as u64, places.len() as u64);
        let mut noise = Stream::new(cx.seed, &format!("draws {place}"));
        out.push(Bounds::of(&model.draws(cx.data.picture(*place), cx.class_at(*place), draws, &mut noise)));
    }
    Ok((out, given_classes(cx, which)))
}

pub(super) fn bound(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let (found, which) = bounds(cx, DRAWS, "Measuring the bound")?;
    let how = format!("{DRAWS} draws, {which}, {}", encoding(cx)?.describe());
    let of = |name: &str, part: fn(&Bounds) -> f64| {
        score(cx, name, mean(&found.iter().map(part).collect::<Vec<_>>()), found.len(), &how)
    };
    Ok(vec![of("elbo", |b| b.elbo), of("log-likelihood", |b| b.likelihood), of("kl", |b| b.kl)])
}

pub(super) fn weighted(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let (found, which) = bounds(cx, cx.draws, "Measuring the weighted bound")?;
    let model = encoding(cx)?;
    let how = format!("k = {}, {which}, {}", cx.draws, model.describe());
    let shape = cx.data.shape();
    let nats: Vec<f64> = found.iter().map(|b| b.weighted).collect();
    let bits: Vec<f64> = nats.iter().map(|v| bits_per_number(*v, model.likelihood(), shape)).collect();
    Ok(vec![
        score(cx, "bound", mean(&nats), nats.len(), &how),
        score(cx, "bits-per-number", mean(&bits), bits.len(), &how),
    ])
}

fn coded(cx: &EvalContext<'_>) -> Result<Coded> {
    let model = encoding(cx)?;
    let places = cx.reference();
    let mut rows = Vec::with_capacity(places.len());
    for (i, &place) in places.iter().enumerate() {
        cx.progress.cancel().check()?;
        cx.progress.report("Encoding", i as u64, places.len() as u64);
        rows.push(model.code(cx.data.picture(place), cx.class_at(place)));
    }
    let dim = rows.first().map_or(1, Vec::len);
    let rows = Rows::from_values(dim, rows.into_iter().flatten().collect());
    let factors: Vec<Vec<f32>> = places.iter().map(|&i| cx.data.factors(i).to_vec()).collect();
    Coded::new(&rows, &factors).ok_or_else(|| {
        Problem::data("No factor of the data changes, so nothing can be disentangled")
            .try_this("Use data with factor columns, such as `shapes`")
    })
}

pub(super) fn gap(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let coded = coded(cx)?;
    let how = format!("{}; {}", mig::ESTIMATOR, factors::FACTORS);
    Ok(vec![score(cx, "mig", mig::mig(&coded, cx.seed), coded.len(), &how)])
}

pub(super) fn trees(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let coded = coded(cx)?;
    let found = dci::dci(&coded, cx.seed);
    let how = format!("{}; {}", dci::ESTIMATOR, factors::FACTORS);
    let of = |name: &str, value| score(cx, name, value, coded.len(), &how);
    Ok(vec![
        of("disentanglement", found.disentanglement),
        of("completeness", found.completeness),
        of("informativeness", found.informativeness),
    ])
}

pub(super) fn votes(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let coded = coded(cx)?;
    let how = format!("{}; {}", factor_vae::ESTIMATOR, factors::FACTORS);
    Ok(vec![score(cx, "factor-vae", factor_vae::factor_vae(&coded, cx.seed), coded.len(), &how)])
}

pub(super) fn copies(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let set = cx.training.unwrap_or(cx.data);
    let mut places: Vec<usize> = set.train().iter().map(|i| *i as usize).collect();
    Stream::new(cx.seed, "searched").shuffle(&mut places);
    places.truncate(SEARCHED);
    let extractor = cx.extractor()?;
    let training = super::pictures::data_features(extractor, set, &places, cx.progress)?;
    let held: Vec<usize> = set.heldout().iter().map(|i| *i as usize).collect();
    let control = match held.len() {
        0..20 => None,
        _ => Some(super::pictures::data_features(extractor, set, &held, cx.progress)?),
    };
    let samples = cx.sample_features()?;
    let found = memorization::memory(&training, control.as_ref(), samples, SHOWN).ok_or_else(|| too_few(cx, 2))?;
    // The suspects are made again: their pictures were not kept.
    let mut suspects = Vec::with_capacity(found.pairs.len());
    for pair in &found.pairs {
        let seed = cx.sample_seed(pair.sample);
        let place = places[pair.training];
        cx.subject.sample(&[(seed, cx.class_of(pair.sample))], &mut |_, sample| {
            suspects.push(Suspect {
                seed,
                sample,
                name: set.name(place).into(),
                training: super::pictures::picture_of(set, place),
                distance: pair.distance,
                ratio: pair.ratio,
            });
            true
        })?;
    }
    *cx.suspects.borrow_mut() = suspects;
    let how = match (&control, cx.training) {
        (_, None) => "against these data: what the model learned from is not known here".into(),
        (Some(control), _) => format!("against {} held-out pictures", control.len()),
        (None, _) => "against training pictures among themselves: none are held out".into(),
    };
    let found = cx.on_features("memorisation", found.nearer, &how);
    Ok(vec![Score { reference: training.len() as u64, ..found }])
}

pub(super) fn rebuilt(cx: &EvalContext<'_>) -> Result<Vec<Score>> {
    let model = encoding(cx)?;
    let (places, which) = cx.unseen(cx.count.min(REBUILT));
    let shape = cx.data.shape();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let (mut noise, mut likeness) = (Vec::new(), Vec::new());
    for (i, &place) in places.iter().enumerate() {
        cx.progress.cancel().check()?;
        cx.progress.report("Putting pictures through", i as u64, places.len() as u64);
        let bytes = cx.data.picture(place);
        let Some(picture) = model.rebuilt(bytes, cx.class_at(place)) else { continue };
        let back = picture.to_interleaved(shape.channels);
        noise.push(pairs::psnr(bytes, &back));
        likeness.push(pairs::ssim(bytes, &back, shape.resolution.grid(), shape.channels.count()));
        before.push(cx.picture(place));
        after.push(picture);
    }
    let extractor = cx.extractor()?;
    let looks = perceptual::distances(extractor, &before, &after);
    let how = given_classes(cx, which);
    let n = before.len();
    let looks = score(cx, "perceptual", mean(&looks), n, &how);
    Ok(vec![
        score(cx, "psnr", mean(&noise), n, &how),
        score(cx, "ssim", mean(&likeness), n, &how),
        Score { extractor: extractor.id().into(), ..looks },
    ])
}
