<?php
declare(strict_types=1);

final class Notebook
{
    public function line(string $level, string $text): void
    {
        fprintf(STDOUT, "%s newsdesk.%s: %s\n", date('D H:i:s'), $level, $text);
    }
}
