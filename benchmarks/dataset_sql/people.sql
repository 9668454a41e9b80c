-- Who exists in the data set, as functions of a number: nothing is drawn twice or kept in memory.
-- The variables are those of one data set: seed, accounts, span (seconds of history), start_at.
-- chance() is uniform in [0, 1): the same for the same number, topic and seed.
CREATE OR REPLACE TEMP MACRO chance(number, topic) AS
  (HASH(number, topic, GETVARIABLE('seed')) >> 11) / 9007199254740992.0;

-- Seconds from the start to the account's first sign-up. More accounts come early than late, and
-- accounts_by() is the inverse: how many exist by then.
CREATE OR REPLACE TEMP MACRO created(account) AS
  GETVARIABLE('span')
    * POW((account + chance(account, 'created')) / GETVARIABLE('accounts'), 1.5);
CREATE OR REPLACE TEMP MACRO accounts_by(seconds) AS
  GREATEST(FLOOR(GETVARIABLE('accounts') * POW(seconds / GETVARIABLE('span'), 2 / 3.0)) - 1, 0)
    ::BIGINT;

-- Five members join one after the other, six hours to eight days apart.
CREATE OR REPLACE TEMP MACRO pause(account) AS 21600 * (1 + FLOOR(32 * chance(account, 'pause')));
CREATE OR REPLACE TEMP MACRO members_by(account, seconds) AS
  LEAST(1 + FLOOR((seconds - created(account)) / pause(account)), 5)::BIGINT;

CREATE OR REPLACE TEMP MACRO person(account, member) AS (5 * account + member)::BIGINT;

-- Nine in ten accounts are workspaces with a group id; the others are known by their e-mail alone.
CREATE OR REPLACE TEMP MACRO workspace(account) AS
  CASE WHEN chance(account, 'workspace') < 0.9 THEN 'w' || account END;
CREATE OR REPLACE TEMP MACRO email_domain(account, member) AS CASE
  WHEN chance(account, 'school') < 0.04 THEN 'dept.school' || account || '.edu'
  WHEN chance(person(account, member), 'student') < 0.03 THEN 'campus' || account % 97 || '.edu'
  WHEN chance(account, 'workspace') < 0.95 THEN 'company' || account || '.example'
  ELSE 'gmail.com'
END;

CREATE OR REPLACE TEMP MACRO user_traits(account, member) AS FORMAT(
  '{{"email":"u{}@{}","name":"Person {}","title":"{}"}}',
  person(account, member), email_domain(account, member), person(account, member),
  ['Designer', 'Head of IT', 'Product Manager', 'Engineer'][1 + person(account, member) % 4]
);
CREATE OR REPLACE TEMP MACRO account_traits(account) AS FORMAT(
  '{{"country":"{}","employees":{},"industry":"{}","name":"Company {}","plan":"{}"{}}}',
  ['DE', 'US', 'FR', 'JP', 'GB'][1 + account % 5],
  FLOOR(EXP(1 + 8 * chance(account, 'employees')))::BIGINT,
  ['software', 'retail', 'health', 'education'][1 + account % 4],
  account,
  CASE WHEN chance(account, 'plan') < 0.6 THEN 'trial' ELSE 'free' END,
  CASE
    WHEN chance(account, 'domain') < 0.5 THEN FORMAT(',"domain":"company{}.example"', account)
    ELSE ''
  END
);

-- Seconds from an event to its receipt: a few, and for one in 500 up to half an hour.
CREATE OR REPLACE TEMP MACRO delay(number) AS
  1 + 4 * chance(number, 'delay')
    + CASE WHEN chance(number, 'delay') < 0.002 THEN 900000 * chance(number, 'delay') ELSE 0 END;
