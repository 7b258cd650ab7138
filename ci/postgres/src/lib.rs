//! Twenty tests that each have the database for themselves: all make the same table.

#[cfg(test)]
mod tests {
    use std::process::Command;

    fn psql(statement: &str) -> String {
        let done = Command::new("psql").args(["--no-psqlrc", "-At", "-c", statement]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn fills_the_table(rows: u32) {
        assert_eq!(psql("SHOW port"), "5432");
        psql("CREATE TABLE things (id integer)");
        psql(&format!("INSERT INTO things SELECT generate_series(1, {rows})"));
        psql("SELECT pg_sleep(0.5)");
        assert_eq!(psql("SELECT count(*) FROM things"), rows.to_string());
    }

    macro_rules! tests {
        ($($name:ident $rows:literal)*) => {
            $(
                #[test]
                fn $name() {
                    fills_the_table($rows);
                }
            )*
        };
    }

    tests! {
        t01 1 t02 2 t03 3 t04 4 t05 5 t06 6 t07 7 t08 8 t09 9 t10 10
        t11 11 t12 12 t13 13 t14 14 t15 15 t16 16 t17 17 t18 18 t19 19 t20 20
    }
}
