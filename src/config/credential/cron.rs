//! What a cron line may say that nobody means.

/// The fields from the minutes on, and how many values each has.
const FIELDS: [(&str, u32); 5] = [
    ("minutes", 60),
    ("hours", 24),
    ("days of the month", 31),
    ("months", 12),
    ("days of the week", 7),
];

/// What there is to say of a line that can be read.
pub(super) fn exposures(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (seconds, rest) = match words.as_slice() {
        [seconds, rest @ ..] if rest.len() >= FIELDS.len() => (Some(*seconds), rest),
        all => (None, all),
    };
    let mut exposures = Vec::new();
    if let Some(seconds) = seconds.filter(|field| field.parse::<u8>().is_err()) {
        exposures.push(format!(
            "schedule {line:?} has six fields, and the first is the seconds: {seconds:?} there is due several times a \
             minute. Leave it out, or write 0"
        ));
    }
    let fields = seconds.map(|field| (field, ("seconds", 60)));
    let fields = fields.into_iter().chain(rest.iter().copied().zip(FIELDS));
    for (field, (name, count)) in fields {
        let steps = field.split(',').filter_map(|part| part.split_once('/')?.1.parse::<u32>().ok());
        for step in steps.filter(|step| *step >= count) {
            exposures.push(format!(
                "schedule {line:?} has a step of {step} in the field of the {name}, of which there are {count}: it is \
                 never taken. For a fixed time between two rotations use `every`"
            ));
        }
    }
    exposures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_steps_that_are_never_taken_are_remarked_on() {
        for (line, word) in [
            ("* * * * * *", "seconds"),
            ("*/10 * * * * *", "seconds"),
            ("0,30 0 3 * * *", "seconds"),
            ("*/90 * * * *", "step of 90 in the field of the minutes"),
            ("0 */90 * * * *", "step of 90 in the field of the minutes"),
            ("0 */36 * * *", "step of 36 in the field of the hours"),
            ("0 3 * * 0/7", "step of 7 in the field of the days of the week"),
        ] {
            let exposures = exposures(line);
            assert!(exposures.len() == 1 && exposures[0].contains(word), "{line}: {exposures:?}");
        }
        for line in [
            "0 3 * * SUN",
            "*/15 * * * *",
            "0 0 3 * * SUN",
            "30 0 3 1-7 JAN,JUL *",
            "0 3 */14 * *",
            "@weekly",
        ] {
            assert!(exposures(line).is_empty(), "{line}");
        }
    }
}
