-- reserve: ask for so many requests of a window; what the row held before is what was granted to others
-- What the row held before says exactly how much was left, in one atomic statement. The count may pass
-- the limit by what was asked and not granted; it is cut back each time, so that it cannot grow for ever.
insert into rate_windows as w (subject, window_start, used)
values (%(subject)s, %(window_start)s, %(wanted)s::integer)
on conflict (subject, window_start) do update
    set used = least(w.used, %(limit)s::integer) + %(wanted)s::integer
returning used - %(wanted)s::integer;

-- sweep: drop windows that are over
delete from rate_windows where window_start < %(before)s;
