const { DataTypes } = require('sequelize');
exports.up = ({ context: q }) => q.createTable('dunning', { id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true }, invoiceId: { type: DataTypes.INTEGER, references: { model: 'invoice', key: 'id' } }, level: DataTypes.INTEGER });
exports.down = ({ context: q }) => q.dropTable('dunning');
