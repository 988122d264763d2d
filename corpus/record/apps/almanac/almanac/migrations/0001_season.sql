create table season(name text primary key, start_day int not null);
insert into season values ('spring', 79), ('summer', 172), ('autumn', 265), ('winter', 355);
