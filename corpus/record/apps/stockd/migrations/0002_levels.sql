create table stock_level(article_id bigint not null references article(id), warehouse text not null, quantity int not null default 0, primary key(article_id, warehouse));
