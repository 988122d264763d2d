<?php
declare(strict_types=1);

final class Editions
{
    public function __construct(private PDO $db)
    {
    }

    public function latest(): string
    {
        return (string) $this->db->query('select title from edition order by printed desc limit 1')->fetchColumn();
    }
}
