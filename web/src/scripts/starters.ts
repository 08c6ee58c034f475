/** What a new script begins with, by language. */
export const STARTERS: Record<string, string> = {
  python3: `def main(name: str = "world", count: int = 3):
    """Greets somebody several times."""
    return [{"greeting": f"Hello, {name}!", "number": each} for each in range(1, count + 1)]
`,
  bash: `name="\${1:-world}"
echo "Hello, $name!"
`,
  postgresql: `-- database f/data/warehouse
-- $1 since (timestamptz) = '2026-01-01T00:00:00Z'
select * from orders where created_at >= $1 order by created_at limit 100
`,
  mysql: `-- :since (datetime) = '2026-01-01 00:00:00'
select * from orders where created_at >= :since limit 100
`,
  mssql: `-- database f/data/shop
-- @P1 since (datetime2) = '2026-01-01T00:00:00'
select top 100 * from orders where created_at >= @P1 order by created_at
`,
  oracledb: `-- database f/data/sales
-- :since (date) = '2026-01-01'
select * from orders where created_at >= :since order by created_at fetch first 100 rows only
`,
  bigquery: `-- database f/data/warehouse
-- @since (timestamp) = '2026-01-01T00:00:00Z'
select * from sales.orders where created_at >= @since order by created_at limit 100
`,
  snowflake: `-- database f/data/warehouse
-- ? since (timestamp_ntz) = '2026-01-01T00:00:00'
select * from orders where created_at >= ? order by created_at limit 100
`,
  duckdb: `-- $least (int) = 10
select * from read_parquet('s3:///data/*.parquet') where amount >= $least
`,
  mongodb: `# least (int) = 10
collection: orders
find:
  amount: { $gte: { $arg: least } }
limit: 100
`,
  redis: `# key (text) = greeting
SET $key "hello"
GET $key
`,
};

export const EXAMPLE = `import time


def main(city: str = "Bremen", days: int = 7):
    """Water levels of a tide mill, day by day."""
    rows = []
    for day in range(1, days + 1):
        print(f"reading day {day} of {days}")
        time.sleep(0.2)
        high, low = 2.1 + day % 3 * 0.4, 0.3 + day % 2 * 0.1
        rows.append({"day": day, "city": city, "high_m": round(high, 2), "low_m": round(low, 2)})
    return rows
`;

export const LANGUAGE_NAMES: Record<string, string> = {
  python3: "Python", bash: "Bash", postgresql: "PostgreSQL", mysql: "MySQL", duckdb: "DuckDB", mongodb: "MongoDB", redis: "Redis",
  mssql: "SQL Server", oracledb: "Oracle", bigquery: "BigQuery", snowflake: "Snowflake",
};
