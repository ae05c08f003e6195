//! From the bench to scores: one function a metric.

use super::context::{Bench, Suspect};
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

fn too_few(bench: &Bench<'_>, least: usize) -> Problem {
    Problem::data("There are too few pictures to measure this")
        .because(format!("{} in the data, {} samples", bench.data.len(), bench.count))
        .try_this(format!("Use at least {least}"))
}

/// Mean of numbers with ± 1.96 standard errors.
fn mean(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len().max(1) as f64;
    let value = values.iter().sum::<f64>() / n;
    let reach = 1.96 * standard_error(values) / n.sqrt();
    (value, value - reach, value + reach)
}

fn score(bench: &Bench<'_>, name: &str, (value, low, high): (f64, f64, f64), count: usize, estimator: &str) -> Score {
    Score {
        name: name.into(),
        value,
        low,
        high,
        count: count as u64,
        estimator: estimator.into(),
        data: bench.data.hash().into(),
        ..Score::default()
    }
}

pub(super) fn kernel(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let (data, samples) = (bench.real_features()?, bench.sample_features()?);
    let found = kid::kid(data, samples, bench.seed).ok_or_else(|| too_few(bench, 2))?;
    Ok(vec![bench.on_features("kid", found, "unbiased, (x·y/d + 1)³")])
}

pub(super) fn frechet(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let data = fid::Moments::of(bench.real_features()?);
    let samples = fid::Moments::of(bench.sample_features()?);
    let found = fid::fid(&data, &samples, bench.seed).ok_or_else(|| too_few(bench, 2))?;
    Ok(vec![bench.on_features("fid", found, "")])
}

pub(super) fn shares(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let found = prdc::prdc(bench.real_features()?, bench.sample_features()?, prdc::K, bench.seed)
        .ok_or_else(|| too_few(bench, prdc::K + 1))?;
    let how = format!("k = {}", prdc::K);
    let of = |name: &str, value| bench.on_features(name, value, &how);
    Ok(vec![
        of("precision", found.precision),
        of("recall", found.recall),
        of("density", found.density),
        of("coverage", found.coverage),
    ])
}

pub(super) fn patches(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let most = bench.count.min(bench.reference().len()).min(1024);
    let reals: Vec<Picture> = bench.reference()[..most].iter().map(|&i| bench.picture(i)).collect();
    let mut samples = Vec::with_capacity(most);
    bench.samples(most, &mut |_, picture| samples.push(picture))?;
    let value = sliced::distance(&reals, &samples, 64).ok_or_else(|| too_few(bench, 1))?;
    let size = most.div_ceil(PARTS).max(1);
    let parts: Vec<f64> =
        reals.chunks(size).zip(samples.chunks(size)).filter_map(|(a, b)| sliced::distance(a, b, 32)).collect();
    let reach = 1.96 * standard_error(&parts) / (parts.len().max(1) as f64).sqrt();
    let found = (value, (value - reach).max(0.0), value + reach);
    let how = "7×7 patches at three sizes";
    Ok(vec![Score { reference: most as u64, ..score(bench, "swd", found, most, how) }])
}

/// Modes of points in the plane, counted exactly.
fn exact(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let mixture = mixture_of(bench.source).ok_or_else(|| {
        Problem::data("Where these points belong is not known")
            .of(bench.source)
            .try_this("Use points:grid25 or points:ring8")
    })?;
    let points = bench.points(bench.count)?;
    let found = mode_coverage::points(&points, &mixture.centres, mixture.deviation, bench.seed);
    let of =
        |name: &str, value| score(bench, name, value, bench.count, "within three deviations of the nearest centre");
    Ok(vec![of("modes", found.recovered), of("mode-kl", found.kl), of("good", found.good)])
}

pub(super) fn kinds(bench: &Bench<'_>) -> Result<Vec<Score>> {
    if bench.data.shape().channels == Channels::Points {
        return exact(bench);
    }
    let classifier = bench.classifier()?;
    let (mut of, mut good, mut chunk) = (Vec::new(), Vec::new(), Vec::new());
    let mut tell = |pictures: &mut Vec<Picture>| {
        let told = classifier.tell(pictures);
        of.extend(told.class);
        good.extend(told.certainty.into_iter().map(|c| c >= classifier.sure));
        pictures.clear();
    };
    bench.samples(bench.count, &mut |_, picture| {
        chunk.push(picture);
        if chunk.len() == 64 {
            tell(&mut chunk);
        }
    })?;
    tell(&mut chunk);
    let mut frequent = vec![0.0; classifier.labels.len()];
    (0..bench.data.len()).filter_map(|i| bench.data.label(i)).for_each(|l| frequent[l as usize] += 1.0);
    let found = mode_coverage::modes(&of, &good, &frequent, bench.seed);
    let how = classifier.describe();
    let of = |name: &str, value| Score { extractor: how.clone(), ..score(bench, name, value, bench.count, "") };
    Ok(vec![of("modes", found.recovered), of("mode-kl", found.kl), of("good", found.good)])
}

pub(super) fn by_class(bench: &Bench<'_>) -> Result<Vec<Score>> {
    // Classes of the model that are labels of the data.
    let labels = bench.data.labels();
    let shared: Vec<(u32, usize)> = (0u32..)
        .zip(bench.subject.classes())
        .filter_map(|(class, name)| Some((class, labels.iter().position(|l| l == name)?)))
        .collect();
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); labels.len()];
    let mut all: Vec<usize> = (0..bench.data.len()).collect();
    Stream::new(bench.seed, "classes").shuffle(&mut all);
    for i in all {
        if let Some(of) = bench.data.label(i).and_then(|l| places.get_mut(l as usize)) {
            of.push(i);
        }
    }
    let each = (bench.count / shared.len().max(1)).max(2);
    let mut out = Vec::new();
    for &(class, label) in &shared {
        let places = &places[label][..places[label].len().min(each)];
        let data = fid::Moments::of(&bench.features_of(places)?);
        let samples = fid::Moments::of(&bench.class_features(Some(class), each)?);
        let Some(found) = fid::fid(&data, &samples, bench.seed) else { continue };
        let name = format!("class-fid/{}", labels[label]);
        let found = bench.on_features(&name, found, "");
        out.push(Score { count: each as u64, reference: places.len() as u64, ..found });
    }
    if out.is_empty() {
        return Err(too_few(bench, 2 * shared.len()));
    }
    let n = out.len() as f64;
    let value = out.iter().map(|s| s.value).sum::<f64>() / n;
    // Classes are independent: their half-widths add as squares do.
    let half = |f: &dyn Fn(&Score) -> f64| out.iter().map(|s| f(s).powi(2)).sum::<f64>().sqrt() / n;
    let found = (value, (value - half(&|s| s.value - s.low)).max(0.0), value + half(&|s| s.high - s.value));
    let mean = bench.on_features("class-fid", found, "mean over classes");
    out.insert(0, Score { count: (each * out.len()) as u64, ..mean });
    Ok(out)
}

fn encoding<'a>(bench: &'a Bench<'_>) -> Result<&'a dyn Encoding> {
    // The table asks for an encoder before it runs what needs one.
    bench.subject.encoding().ok_or_else(|| Problem::usage("This model has no encoder").try_this("Choose a VAE"))
}

/// Which pictures a number rests on, and whether the model was told their classes.
fn given_classes(bench: &Bench<'_>, which: &str) -> String {
    if bench.subject.classes().is_empty() { which.into() } else { format!("{which}, each with its class") }
}

fn bounds(bench: &Bench<'_>, draws: usize, stage: &str) -> Result<(Vec<Bounds>, String)> {
    let model = encoding(bench)?;
    let (places, which) = bench.unseen(bench.count);
    let mut out = Vec::with_capacity(places.len());
    for (i, place) in places.iter().enumerate() {
        bench.progress.cancel().check()?;
        bench.progress.report(stage, i as u64, places.len() as u64);
        let mut noise = Stream::new(bench.seed, &format!("draws {place}"));
        out.push(Bounds::of(&model.draws(bench.data.picture(*place), bench.class_at(*place), draws, &mut noise)));
    }
    Ok((out, given_classes(bench, which)))
}

pub(super) fn bound(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let (found, which) = bounds(bench, DRAWS, "Measuring the bound")?;
    let how = format!("{DRAWS} draws, {which}, {}", encoding(bench)?.describe());
    let of = |name: &str, part: fn(&Bounds) -> f64| {
        score(bench, name, mean(&found.iter().map(part).collect::<Vec<_>>()), found.len(), &how)
    };
    Ok(vec![of("elbo", |b| b.elbo), of("log-likelihood", |b| b.likelihood), of("kl", |b| b.kl)])
}

pub(super) fn weighted(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let (found, which) = bounds(bench, bench.draws, "Measuring the weighted bound")?;
    let model = encoding(bench)?;
    let how = format!("k = {}, {which}, {}", bench.draws, model.describe());
    let shape = bench.data.shape();
    let nats: Vec<f64> = found.iter().map(|b| b.weighted).collect();
    let bits: Vec<f64> = nats.iter().map(|v| bits_per_number(*v, model.likelihood(), shape)).collect();
    Ok(vec![
        score(bench, "bound", mean(&nats), nats.len(), &how),
        score(bench, "bits-per-number", mean(&bits), bits.len(), &how),
    ])
}

fn coded(bench: &Bench<'_>) -> Result<Coded> {
    let model = encoding(bench)?;
    let places = bench.reference();
    let mut rows = Vec::with_capacity(places.len());
    for (i, &place) in places.iter().enumerate() {
        bench.progress.cancel().check()?;
        bench.progress.report("Encoding", i as u64, places.len() as u64);
        rows.push(model.code(bench.data.picture(place), bench.class_at(place)));
    }
    let dim = rows.first().map_or(1, Vec::len);
    let rows = Rows::from_values(dim, rows.into_iter().flatten().collect());
    let factors: Vec<Vec<f32>> = places.iter().map(|&i| bench.data.factors(i).to_vec()).collect();
    Coded::new(&rows, &factors).ok_or_else(|| {
        Problem::data("No factor of the data changes, so nothing can be disentangled")
            .try_this("Use data with factor columns, such as `shapes`")
    })
}

pub(super) fn gap(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let coded = coded(bench)?;
    let how = format!("{}; {}", mig::ESTIMATOR, factors::FACTORS);
    Ok(vec![score(bench, "mig", mig::mig(&coded, bench.seed), coded.len(), &how)])
}

pub(super) fn trees(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let coded = coded(bench)?;
    let found = dci::dci(&coded, bench.seed);
    let how = format!("{}; {}", dci::ESTIMATOR, factors::FACTORS);
    let of = |name: &str, value| score(bench, name, value, coded.len(), &how);
    Ok(vec![
        of("disentanglement", found.disentanglement),
        of("completeness", found.completeness),
        of("informativeness", found.informativeness),
    ])
}

pub(super) fn votes(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let coded = coded(bench)?;
    let how = format!("{}; {}", factor_vae::ESTIMATOR, factors::FACTORS);
    Ok(vec![score(bench, "factor-vae", factor_vae::factor_vae(&coded, bench.seed), coded.len(), &how)])
}

pub(super) fn copies(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let set = bench.training.unwrap_or(bench.data);
    let mut places: Vec<usize> = set.train().iter().map(|i| *i as usize).collect();
    Stream::new(bench.seed, "searched").shuffle(&mut places);
    places.truncate(SEARCHED);
    let extractor = bench.extractor()?;
    let training = super::pictures::data_features(extractor, set, &places, bench.progress)?;
    let held: Vec<usize> = set.heldout().iter().map(|i| *i as usize).collect();
    let control = match held.len() {
        0..20 => None,
        _ => Some(super::pictures::data_features(extractor, set, &held, bench.progress)?),
    };
    let samples = bench.sample_features()?;
    let found = memorization::memory(&training, control.as_ref(), samples, SHOWN).ok_or_else(|| too_few(bench, 2))?;
    // The suspects are made again: their pictures were not kept.
    let mut suspects = Vec::with_capacity(found.pairs.len());
    for pair in &found.pairs {
        let seed = bench.sample_seed(pair.sample);
        let place = places[pair.training];
        bench.subject.sample(&[(seed, bench.class_of(pair.sample))], &mut |_, sample| {
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
    *bench.suspects.borrow_mut() = suspects;
    let how = match (&control, bench.training) {
        (_, None) => "against these data: what the model learned from is not known here".into(),
        (Some(control), _) => format!("against {} held-out pictures", control.len()),
        (None, _) => "against training pictures among themselves: none are held out".into(),
    };
    let found = bench.on_features("memorisation", found.nearer, &how);
    Ok(vec![Score { reference: training.len() as u64, ..found }])
}

pub(super) fn rebuilt(bench: &Bench<'_>) -> Result<Vec<Score>> {
    let model = encoding(bench)?;
    let (places, which) = bench.unseen(bench.count.min(REBUILT));
    let shape = bench.data.shape();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let (mut noise, mut likeness) = (Vec::new(), Vec::new());
    for (i, &place) in places.iter().enumerate() {
        bench.progress.cancel().check()?;
        bench.progress.report("Putting pictures through", i as u64, places.len() as u64);
        let bytes = bench.data.picture(place);
        let Some(picture) = model.rebuilt(bytes, bench.class_at(place)) else { continue };
        let back = picture.to_interleaved(shape.channels);
        noise.push(pairs::psnr(bytes, &back));
        likeness.push(pairs::ssim(bytes, &back, shape.resolution as usize, shape.channels.count()));
        before.push(bench.picture(place));
        after.push(picture);
    }
    let extractor = bench.extractor()?;
    let looks = perceptual::distances(extractor, &before, &after);
    let how = given_classes(bench, which);
    let n = before.len();
    let looks = score(bench, "perceptual", mean(&looks), n, &how);
    Ok(vec![
        score(bench, "psnr", mean(&noise), n, &how),
        score(bench, "ssim", mean(&likeness), n, &how),
        Score { extractor: extractor.id().into(), ..looks },
    ])
}
