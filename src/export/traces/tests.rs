use super::*;
use crate::base::Picture;
use crate::export::film::FilmSpec;
use crate::export::metadata::tests::full;
use crate::export::options::ExportOptions;
use crate::export::png::png_bytes;
use crate::recipe::picture::PictureRecipe;

fn told(found: &Traces) -> Vec<(Gives, &str)> {
    found.traces.iter().map(|t| (t.gives, t.says.as_str())).collect()
}

fn has(found: &Traces, gives: Gives, says: &str) -> bool {
    found.traces.iter().chain(&found.remains).any(|t| t.gives == gives && t.says.contains(says))
}

/// A recipe that names a folder and a device.
fn recipe() -> PictureRecipe {
    PictureRecipe { model: "/home/ada/runs/faces@best".into(), device: "cuda-0".into(), ..full() }
}

/// A TIFF structure: entries of the first directory, then those of its GPS directory.
fn tiff() -> Vec<u8> {
    let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let text_at = 8 + 2 + 4 * 12 + 4;
    let gps_at = text_at + 32;
    out.extend(4u16.to_le_bytes());
    out.extend(entry(0x010F, 2, 6, text_at));
    out.extend(entry(0x0132, 2, 20, text_at + 6));
    out.extend(entry(0x013B, 2, 4, u32::from_le_bytes(*b"Ada\0")));
    out.extend(entry(0x8825, 4, 1, gps_at));
    out.extend(0u32.to_le_bytes());
    out.extend(b"Canon\x002026:05:04 10:20:30\0");
    out.resize(gps_at as usize, 0);
    let values = gps_at + 2 + 4 * 12 + 4;
    out.extend(4u16.to_le_bytes());
    out.extend(entry(1, 2, 2, u32::from_le_bytes(*b"N\0\0\0")));
    out.extend(entry(2, 5, 3, values));
    out.extend(entry(3, 2, 2, u32::from_le_bytes(*b"E\0\0\0")));
    out.extend(entry(4, 5, 3, values + 24));
    out.extend(0u32.to_le_bytes());
    for n in [48u32, 1, 30, 1, 0, 1, 11, 1, 15, 1, 0, 1] {
        out.extend(n.to_le_bytes());
    }
    out
}

fn jpeg(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    for (kind, body) in segments {
        out.extend([0xFF, *kind]);
        out.extend((body.len() as u16 + 2).to_be_bytes());
        out.extend(body);
    }
    out.extend([0xFF, 0xDA, 0, 2]);
    out
}

#[test]
fn a_photograph_gives_camera_time_author_and_place_away() {
    let iptc = b"\x1C\x02\x50\x00\x03Ada\x1C\x02\x5A\x00\x06Berlin";
    let photoshop = [&b"Photoshop 3.0\x008BIM\x04\x04\0\0"[..], &(iptc.len() as u32).to_be_bytes(), iptc].concat();
    let xmp =
        "<rdf:Description tiff:Model=\"EOS 5D\"><dc:creator><rdf:Seq><rdf:li>Ada L</rdf:li></rdf:Seq></dc:creator>";
    let bytes = jpeg(&[
        (0xE1, [b"Exif\0\0".to_vec(), tiff()].concat()),
        (0xE1, [b"http://ns.adobe.com/xap/1.0/\0", xmp.as_bytes()].concat()),
        (0xED, photoshop),
        (0xFE, b"for bob@example.org".to_vec()),
    ]);
    let found = of_bytes(&bytes);
    assert_eq!(found.kind, "JPEG");
    for (gives, says) in [
        (Gives::Device, "Canon"),
        (Gives::Device, "EOS 5D"),
        (Gives::Time, "2026:05:04 10:20:30"),
        (Gives::User, "Ada"),
        (Gives::User, "Ada L"),
        (Gives::Place, "48.50000° N 11.25000° E"),
        (Gives::Place, "Berlin"),
        (Gives::User, "bob@example.org"),
        (Gives::Text, "for bob"),
    ] {
        assert!(has(&found, gives, says), "{gives:?} {says}: {found:?}");
    }
    let webp = [b"RIFF\0\0\0\0WEBPEXIF".to_vec(), (tiff().len() as u32).to_le_bytes().to_vec(), tiff()].concat();
    assert!(has(&of_bytes(&webp), Gives::Place, "48.5"));
    assert!(has(&of_bytes(&tiff()), Gives::Device, "Canon"));
}

#[test]
fn exported_pictures_and_films_leave_none_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let picture = Picture::filled(16, 16, [9, 8, 7, 255]);
    for format in ["png", "grid", "gif", "apng", "mp4"] {
        for no_traces in [false, true] {
            let out = dir.path().join(format!("{no_traces}.{}", if format == "grid" { "png" } else { format }));
            let options = ExportOptions { format: format.into(), out, no_traces, ..ExportOptions::default() };
            let shot = || crate::export::Shot { picture: picture.clone(), recipe: Some(recipe()), model: "m".into() };
            let mut shots = (0..3).map(|_| Ok(shot()));
            let quiet = crate::base::progress::Quiet::default();
            let written = crate::export::export(&options, &mut shots, 3, &quiet).unwrap();
            let found = of(&written[0]).unwrap();
            assert_eq!(has(&found, Gives::Path, "/home/ada"), !no_traces, "{format}: {found:?}");
            assert_eq!(has(&found, Gives::Device, "cuda-0"), !no_traces, "{format}");
            assert_eq!(told(&found).is_empty(), no_traces, "{format}: {found:?}");
            // What remains is named.
            assert!(
                has(&found, Gives::Mark, "trained model") && has(&found, Gives::Hash, "00ff"),
                "{format}: {found:?}"
            );
            assert!(crate::export::read_recipe(&written[0]).unwrap().is_some());
        }
    }
    let spec = FilmSpec { path: dir.path().join("bare.apng"), width: 4, height: 4, fps: 5, recipe: None };
    let mut film = crate::export::apng::begin(spec).unwrap();
    film.frame(&Picture::filled(4, 4, [0, 0, 0, 255])).unwrap();
    film.finish().unwrap();
    let found = of(&dir.path().join("bare.apng")).unwrap();
    assert!(found.traces.is_empty() && found.remains.is_empty(), "{found:?}");
}

#[test]
fn texts_of_other_programs_are_found() {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 1, 1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("Author".into(), "Ada".into()).unwrap();
    encoder.add_ztxt_chunk("Comment".into(), "from C:\\Users\\ada\\x.png".into()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::ChunkType(*b"eXIf"), &tiff()).unwrap();
    writer.write_chunk(png::chunk::tIME, &[7, 0xEA, 5, 4, 10, 20, 30]).unwrap();
    writer.write_image_data(&[0, 0, 0]).unwrap();
    writer.finish().unwrap();
    out.extend(b"hidden: /home/ada/secret.txt");
    let found = of_bytes(&out);
    for (gives, says) in [
        (Gives::User, "Ada"),
        (Gives::Path, "C:\\Users\\ada\\x.png"),
        (Gives::Place, "48.5"),
        (Gives::Time, "2026-05-04 10:20:30"),
        (Gives::Path, "/home/ada/secret.txt"),
    ] {
        assert!(has(&found, gives, says), "{gives:?} {says}: {found:?}");
    }
    let bare = png_bytes(&Picture::filled(2, 2, [1, 2, 3, 255]), None).unwrap();
    assert!(told(&of_bytes(&bare)).is_empty());
}

#[test]
fn models_events_databases_and_reports_are_read() {
    let head =
        r#"{"__metadata__":{"latent-studio":"{\"recipe\":{\"data\":{\"source\":\"/mnt/x\"}},\"hash\":\"ab\"}"}}"#;
    let model = [&(head.len() as u64).to_le_bytes()[..], head.as_bytes()].concat();
    let found = of_bytes(&model);
    assert_eq!(found.kind, "safetensors");
    assert!(has(&found, Gives::Path, "/mnt/x") && has(&found, Gives::Hash, "ab"), "{found:?}");
    let event = |time: f64| {
        let body = [&[9u8][..], &time.to_le_bytes(), b"\x1A\x0Dbrain.Event:2\xFF"].concat();
        [&(body.len() as u64).to_le_bytes()[..], &[0; 4], &body, &[0; 4]].concat()
    };
    let found = of_bytes(&event(1.7e9));
    assert_eq!((found.kind, found.traces.len()), ("event file", 1));
    assert!(of_bytes(&event(12.0)).traces.is_empty(), "a length of time is none");
    let found = of_bytes(b"SQLite format 3\0\x01\x02file:///home/ada/art\x03");
    assert!(has(&found, Gives::Path, "/home/ada/art"));
    let found = of_bytes(b"<!doctype html><p>made 2026-11-30T10:00:00Z in ~/pictures");
    assert_eq!(found.kind, "HTML");
    assert!(has(&found, Gives::Time, "2026-11-30") && has(&found, Gives::Path, "~/pictures"));
    assert!(of(tempfile::tempdir().unwrap().path()).is_err());
}

/// Whatever bytes stand in a file, they are read without harm.
#[test]
fn damaged_files_do_no_harm() {
    let whole = [
        jpeg(&[(0xE1, [b"Exif\0\0".to_vec(), tiff()].concat())]),
        png_bytes(&Picture::filled(3, 3, [1, 2, 3, 9]), Some(&recipe())).unwrap(),
        tiff(),
        b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x20moov\0\0\0\x08mvhd\0\0\0\x01udta".to_vec(),
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0\x21\xFE\x05hello\0;".to_vec(),
    ];
    let mut stream = crate::base::rng::Stream::new(1, "damage");
    for bytes in whole {
        for _ in 0..300 {
            let mut wrong = bytes.clone();
            for _ in 0..3 {
                let at = stream.below(wrong.len() as u64) as usize;
                wrong[at] = stream.below(256) as u8;
            }
            wrong.truncate(1 + stream.below(wrong.len() as u64) as usize);
            of_bytes(&wrong);
        }
    }
}
