//! The document's two pictures. Grey and mid-tones are readable on white and on black.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Outcome;
use crate::contestant::Contestant;
use crate::record::Record;

const SIZE: (u32, u32) = (820, 420);
const GREY: RGBColor = RGBColor(128, 128, 128);

/// One line of a picture, with its name.
type Curve = (String, RGBColor, Vec<(f64, f64)>);

pub fn creates(record: &Record, granted: f64) -> Outcome<Option<String>> {
    let mut curves = curves(record, "P1", "ready");
    let most = |curve: &Curve| curve.2.iter().map(|point| point.1).fold(0.0, f64::max);
    let rooms = curves.iter().map(most).fold(0.0, f64::max);
    curves.push((
        "AWS's quota".to_owned(),
        GREY,
        vec![(0.0, 0.0), (rooms / granted, rooms)],
    ));
    draw(
        "seconds since the first create",
        "ChatRooms that are Ready",
        &curves,
    )
}

pub fn memory(record: &Record) -> Outcome<Option<String>> {
    draw(
        "ChatRooms",
        "resident memory in MiB",
        &curves(record, "P6", "rss"),
    )
}

fn curves(record: &Record, row: &str, curve: &str) -> Vec<Curve> {
    let colour = |contestant| match contestant {
        Contestant::Ours => RGBColor(222, 107, 26),
        Contestant::KubeRs => RGBColor(62, 134, 201),
        Contestant::ControllerRuntime => RGBColor(52, 160, 104),
        Contestant::Kopf => RGBColor(171, 97, 196),
    };
    let of = |contestant: Contestant| {
        let points = record.row(contestant, row)?.curves.get(curve)?.clone();
        let name = contestant.name().to_owned();
        (!points.is_empty()).then(|| (name, colour(contestant), points))
    };
    Contestant::ALL.into_iter().filter_map(of).collect()
}

/// The picture, or none where there are no figures.
fn draw(across: &str, up: &str, curves: &[Curve]) -> Outcome<Option<String>> {
    let points = || curves.iter().flat_map(|curve| &curve.2);
    let (right, top) = (
        points().map(|point| point.0).fold(0.0, f64::max),
        points().map(|point| point.1).fold(0.0, f64::max),
    );
    if right <= 0.0 || top <= 0.0 {
        return Ok(None);
    }
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        let text = |size: u32| ("sans-serif", size).into_font().color(&GREY);
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .margin_right(130)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..right, 0.0..top * 1.05)?;
        chart
            .configure_mesh()
            .axis_style(GREY)
            .bold_line_style(GREY.mix(0.25))
            .light_line_style(TRANSPARENT)
            .label_style(text(13))
            .axis_desc_style(text(14))
            .x_desc(across)
            .y_desc(up)
            .x_label_formatter(&|value| format!("{value:.0}"))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .draw()?;
        let mut taken: Vec<f64> = Vec::new();
        for (name, colour, points) in curves {
            let line = colour.stroke_width(2);
            chart.draw_series(LineSeries::new(points.iter().copied(), line))?;
            let Some(end) = points.last() else { continue };
            // Each name stands at the end of its line, or above the names that are there already.
            let step = top * 0.055;
            let mut height = end.1;
            while taken.iter().any(|other| (other - height).abs() < step) {
                height -= step;
            }
            taken.push(height);
            let place = TextStyle::from(("sans-serif", 14).into_font())
                .color(colour)
                .pos(Pos::new(HPos::Left, VPos::Center));
            let at = chart.backend_coord(&(right, height));
            area.draw(&Text::new(name.clone(), (at.0 + 8, at.1), place))?;
        }
        area.present()?;
    }
    Ok(Some(picture))
}
