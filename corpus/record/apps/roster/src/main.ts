import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  const port = Number(process.env.ROSTER_PORT ?? 3100);
  await app.listen(port);
  new Logger('Bootstrap').log(`roster is up on ${await app.getUrl()}`);
}
bootstrap();
