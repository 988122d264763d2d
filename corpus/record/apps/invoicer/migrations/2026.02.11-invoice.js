const { DataTypes } = require('sequelize');
exports.up = ({ context: q }) => q.createTable('invoice', { id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true }, number: { type: DataTypes.STRING(20), allowNull: false }, total: DataTypes.DECIMAL(12, 2), customer: DataTypes.STRING });
exports.down = ({ context: q }) => q.dropTable('invoice');
